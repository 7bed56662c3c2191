"""the staff's desk: accounts, sessions, proposals, stock, drafts, day figures; search by phone

Revision ID: 0004
Revises: 0003

"""
from alembic import op
import sqlalchemy as sa

import kiosk.db


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('clerk',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('display', sa.String(length=40), nullable=False),
    sa.Column('password', sa.String(length=200), nullable=False),
    sa.Column('wrapped_key', sa.LargeBinary(), nullable=False),
    sa.Column('totp', sa.LargeBinary(), nullable=False),
    sa.Column('last_step', sa.Integer(), nullable=False),
    sa.Column('roles', kiosk.db.Json(), nullable=False),
    sa.Column('hall', sa.String(length=40), nullable=False),
    sa.Column('disabled', sa.Boolean(), nullable=False),
    sa.Column('failed', sa.Integer(), nullable=False),
    sa.Column('locked_until', kiosk.db.Instant(timezone=True), nullable=True),
    sa.Column('created_at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clerk')),
    sa.UniqueConstraint('name', name=op.f('uq_clerk_name'))
    )
    op.create_table('day_figure',
    sa.Column('kiosk', sa.String(length=6), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('measure', sa.String(length=16), nullable=False),
    sa.Column('key', sa.String(length=80), nullable=False),
    sa.Column('amount', sa.Integer(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('kiosk', 'day', 'measure', 'key', name=op.f('pk_day_figure'))
    )
    op.create_table('login_try',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('source', sa.String(length=32), nullable=False),
    sa.Column('at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_try'))
    )
    with op.batch_alter_table('login_try', schema=None) as batch_op:
        batch_op.create_index('ix_login_try_source', ['source', 'at'], unique=False)

    op.create_table('standing',
    sa.Column('name', sa.String(length=24), nullable=False),
    sa.Column('value', kiosk.db.Json(), nullable=False),
    sa.Column('at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_standing'))
    )
    op.create_table('stock_move',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('amount', sa.Integer(), nullable=False),
    sa.Column('token_serial', sa.String(length=40), nullable=True),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('by', sa.String(length=40), nullable=False),
    sa.Column('at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_move')),
    sa.UniqueConstraint('token_serial', name=op.f('uq_stock_move_token_serial'))
    )
    op.create_table('catalogue_draft',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('file', sa.String(length=80), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('base', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('version', sa.String(length=64), nullable=True),
    sa.Column('by_id', sa.Integer(), nullable=False),
    sa.Column('at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.Column('decided_by_id', sa.Integer(), nullable=True),
    sa.Column('decided_at', kiosk.db.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['clerk.id'], name=op.f('fk_catalogue_draft_by_id_clerk')),
    sa.ForeignKeyConstraint(['decided_by_id'], ['clerk.id'], name=op.f('fk_catalogue_draft_decided_by_id_clerk')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_catalogue_draft'))
    )
    with op.batch_alter_table('catalogue_draft', schema=None) as batch_op:
        batch_op.create_index('ix_catalogue_draft_state', ['state', 'id'], unique=False)

    op.create_table('clerk_session',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('clerk_id', sa.Integer(), nullable=False),
    sa.Column('place', sa.String(length=8), nullable=False),
    sa.Column('begun_at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.Column('seen_at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.Column('ended_at', kiosk.db.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['clerk_id'], ['clerk.id'], name=op.f('fk_clerk_session_clerk_id_clerk')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_clerk_session'))
    )
    with op.batch_alter_table('clerk_session', schema=None) as batch_op:
        batch_op.create_index('ix_clerk_session_clerk', ['clerk_id', 'ended_at'], unique=False)

    op.create_table('proposal',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('action', sa.String(length=40), nullable=False),
    sa.Column('order_id', sa.Integer(), nullable=True),
    sa.Column('task_id', sa.Integer(), nullable=True),
    sa.Column('facts', kiosk.db.Json(), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('by_id', sa.Integer(), nullable=False),
    sa.Column('at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.Column('decided_by_id', sa.Integer(), nullable=True),
    sa.Column('decided_at', kiosk.db.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['clerk.id'], name=op.f('fk_proposal_by_id_clerk')),
    sa.ForeignKeyConstraint(['decided_by_id'], ['clerk.id'], name=op.f('fk_proposal_decided_by_id_clerk')),
    sa.ForeignKeyConstraint(['order_id'], ['order.id'], name=op.f('fk_proposal_order_id_order')),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_proposal_task_id_task')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_proposal'))
    )
    with op.batch_alter_table('proposal', schema=None) as batch_op:
        batch_op.create_index('ix_proposal_state', ['state', 'id'], unique=False)


    with op.batch_alter_table('order', schema=None) as batch_op:
        batch_op.add_column(sa.Column('phone_index', sa.String(length=32), nullable=True))
        batch_op.create_index('ix_order_phone', ['phone_index', 'id'], unique=False)
        batch_op.add_column(sa.Column('name_index', sa.String(length=32), nullable=True))
        batch_op.create_index('ix_order_name', ['name_index', 'id'], unique=False)


def downgrade():

    with op.batch_alter_table('order', schema=None) as batch_op:
        batch_op.drop_index('ix_order_name')
        batch_op.drop_column('name_index')
        batch_op.drop_index('ix_order_phone')
        batch_op.drop_column('phone_index')

    with op.batch_alter_table('proposal', schema=None) as batch_op:
        batch_op.drop_index('ix_proposal_state')

    op.drop_table('proposal')
    with op.batch_alter_table('clerk_session', schema=None) as batch_op:
        batch_op.drop_index('ix_clerk_session_clerk')

    op.drop_table('clerk_session')
    with op.batch_alter_table('catalogue_draft', schema=None) as batch_op:
        batch_op.drop_index('ix_catalogue_draft_state')

    op.drop_table('catalogue_draft')
    op.drop_table('stock_move')
    op.drop_table('standing')
    with op.batch_alter_table('login_try', schema=None) as batch_op:
        batch_op.drop_index('ix_login_try_source')

    op.drop_table('login_try')
    op.drop_table('day_figure')
    op.drop_table('clerk')
