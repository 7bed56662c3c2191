"""card terminal marks, reconciliation, invoices, notifications

Revision ID: 0003
Revises: 0002

"""
from alembic import op
import sqlalchemy as sa

import kiosk.db


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('payment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('mark', sa.String(length=160), nullable=True))
        batch_op.add_column(sa.Column('trace', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('confirmed_by', sa.String(length=40), nullable=True))

    with op.batch_alter_table('refund', schema=None) as batch_op:
        batch_op.add_column(sa.Column('done_at', kiosk.db.Instant(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('mark', sa.String(length=160), nullable=True))
        batch_op.add_column(sa.Column('confirmed_by', sa.String(length=40), nullable=True))

    op.create_table('reconciled',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('counts', kiosk.db.Json(), nullable=False),
    sa.Column('report', kiosk.db.Json(), nullable=False),
    sa.Column('exceptions', kiosk.db.Json(), nullable=False),
    sa.Column('carry', kiosk.db.Json(), nullable=False),
    sa.Column('early', kiosk.db.Json(), nullable=False),
    sa.Column('made_at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.Column('signed_by', sa.String(length=40), nullable=True),
    sa.Column('signed_at', kiosk.db.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_reconciled'))
    )
    op.create_table('invoice',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('order_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('number', sa.String(length=20), nullable=True),
    sa.Column('issued_on', sa.Date(), nullable=True),
    sa.Column('reason', sa.String(length=200), nullable=True),
    sa.Column('at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_invoice_order_id_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invoice')),
    sa.UniqueConstraint('order_id', name=op.f('uq_invoice_order_id'))
    )
    with op.batch_alter_table('invoice', schema=None) as batch_op:
        batch_op.create_index('ix_invoice_state', ['state', 'id'], unique=False)

    op.create_table('notice',
    sa.Column('id', sa.String(length=80), nullable=False),
    sa.Column('number', sa.String(length=32), nullable=False),
    sa.Column('at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice'))
    )
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.create_index('ix_notice_at', ['at'], unique=False)


def downgrade():
    op.drop_table('notice')
    op.drop_table('invoice')
    op.drop_table('reconciled')
    with op.batch_alter_table('refund', schema=None) as batch_op:
        batch_op.drop_column('confirmed_by')
        batch_op.drop_column('mark')
        batch_op.drop_column('done_at')

    with op.batch_alter_table('payment', schema=None) as batch_op:
        batch_op.drop_column('confirmed_by')
        batch_op.drop_column('trace')
        batch_op.drop_column('mark')
