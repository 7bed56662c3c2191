"""the figures of all halls are read by their day

Revision ID: 0007
Revises: 0006

"""
from alembic import op


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('fleet_figure', schema=None) as batch_op:
        batch_op.create_index('ix_fleet_figure_day', ['day'], unique=False)


def downgrade():
    with op.batch_alter_table('fleet_figure', schema=None) as batch_op:
        batch_op.drop_index('ix_fleet_figure_day')
