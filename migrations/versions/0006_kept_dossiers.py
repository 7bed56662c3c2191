"""the dossiers that still have their key, oldest first; those without one no longer slow the look down

Revision ID: 0006
Revises: 0005

"""
from alembic import op
import sqlalchemy as sa


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

KEPT = sa.text('wrapped_key IS NOT NULL')


def upgrade():
    with op.batch_alter_table('fleet_dossier', schema=None) as batch_op:
        batch_op.drop_index('ix_fleet_dossier_at')
        batch_op.create_index('ix_fleet_dossier_kept', ['at', 'number'], unique=False, sqlite_where=KEPT, postgresql_where=KEPT)


def downgrade():
    with op.batch_alter_table('fleet_dossier', schema=None) as batch_op:
        batch_op.drop_index('ix_fleet_dossier_kept')
        batch_op.create_index('ix_fleet_dossier_at', ['at'], unique=False)
