"""the fleet: kiosks, their states, orders, commands, faults and leases at the centre; partitions in PostgreSQL

Revision ID: 0005
Revises: 0004

"""
from alembic import op
import sqlalchemy as sa

import kiosk.db
from kiosk.fleet import months


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

EVENT_PARTS = 16


def upgrade():
    op.create_table('fleet_command',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kiosk', sa.String(length=6), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('body', kiosk.db.Json(), nullable=False),
    sa.Column('by', sa.String(length=40), nullable=False),
    sa.Column('at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('code', sa.String(length=60), nullable=False),
    sa.Column('answer', sa.Text(), nullable=False),
    sa.Column('answered_at', kiosk.db.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_fleet_command'))
    )
    with op.batch_alter_table('fleet_command', schema=None) as batch_op:
        batch_op.create_index('ix_fleet_command_open', ['kiosk', 'state', 'id'], unique=False)

    op.create_table('fleet_dossier',
    sa.Column('number', sa.String(length=24), nullable=False),
    sa.Column('wrapped_key', sa.LargeBinary(), nullable=True),
    sa.Column('sealed', sa.LargeBinary(), nullable=True),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_fleet_dossier'))
    )
    with op.batch_alter_table('fleet_dossier', schema=None) as batch_op:
        batch_op.create_index('ix_fleet_dossier_at', ['at'], unique=False)

    op.create_table('fleet_fault',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kiosk', sa.String(length=6), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('told', kiosk.db.Json(), nullable=False),
    sa.Column('at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.Column('cleared_at', kiosk.db.Instant(timezone=True), nullable=True),
    sa.Column('cleared_by', sa.String(length=40), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_fleet_fault'))
    )
    with op.batch_alter_table('fleet_fault', schema=None) as batch_op:
        batch_op.create_index('ix_fleet_fault_open', ['kiosk', 'cleared_at', 'id'], unique=False)

    op.create_table('fleet_figure',
    sa.Column('hall', sa.String(length=40), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('measure', sa.String(length=16), nullable=False),
    sa.Column('key', sa.String(length=80), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('hall', 'day', 'measure', 'key', name=op.f('pk_fleet_figure'))
    )
    op.create_table('fleet_invite',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('kiosk', sa.String(length=6), nullable=False),
    sa.Column('hall', sa.String(length=40), nullable=False),
    sa.Column('place', sa.String(length=60), nullable=False),
    sa.Column('by', sa.String(length=40), nullable=False),
    sa.Column('expires_at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.Column('used_at', kiosk.db.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_fleet_invite'))
    )
    op.create_table('fleet_key',
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('value', sa.String(length=48), nullable=False),
    sa.Column('number', sa.String(length=24), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'value', 'number', name=op.f('pk_fleet_key'))
    )
    with op.batch_alter_table('fleet_key', schema=None) as batch_op:
        batch_op.create_index('ix_fleet_key_number', ['number'], unique=False)

    op.create_table('fleet_kiosk',
    sa.Column('kiosk', sa.String(length=6), nullable=False),
    sa.Column('hall', sa.String(length=40), nullable=False),
    sa.Column('place', sa.String(length=60), nullable=False),
    sa.Column('credential', sa.String(length=16), nullable=False),
    sa.Column('public_key', sa.LargeBinary(), nullable=False),
    sa.Column('paired_at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.Column('revoked_at', kiosk.db.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('kiosk', name=op.f('pk_fleet_kiosk'))
    )
    with op.batch_alter_table('fleet_kiosk', schema=None) as batch_op:
        batch_op.create_index('ix_fleet_kiosk_hall', ['hall', 'kiosk'], unique=False)

    op.create_table('fleet_lease',
    sa.Column('number', sa.String(length=24), nullable=False),
    sa.Column('holder', sa.String(length=6), nullable=False),
    sa.Column('taker', sa.String(length=6), nullable=True),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('expires_at', kiosk.db.Instant(timezone=True), nullable=True),
    sa.Column('wrapped_key', sa.LargeBinary(), nullable=True),
    sa.Column('parcel', sa.LargeBinary(), nullable=True),
    sa.Column('at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_fleet_lease'))
    )
    with op.batch_alter_table('fleet_lease', schema=None) as batch_op:
        batch_op.create_index('ix_fleet_lease_holder', ['holder', 'state'], unique=False)

    op.create_table('fleet_order',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('number', sa.String(length=24), nullable=False),
    sa.Column('kiosk', sa.String(length=6), nullable=False),
    sa.Column('holder', sa.String(length=6), nullable=False),
    sa.Column('hall', sa.String(length=40), nullable=False),
    sa.Column('scheme', sa.String(length=40), nullable=False),
    sa.Column('service', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('note', sa.String(length=60), nullable=True),
    sa.Column('amount', sa.Integer(), nullable=True),
    sa.Column('channel', sa.String(length=12), nullable=True),
    sa.Column('opened_at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.Column('changed_at', kiosk.db.Instant(timezone=True), nullable=False),
    sa.Column('review', sa.String(length=8), nullable=False),
    sa.Column('wanted', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('day', 'number', name=op.f('pk_fleet_order')),
    postgresql_partition_by='RANGE (day)'
    )
    with op.batch_alter_table('fleet_order', schema=None) as batch_op:
        batch_op.create_index('ix_fleet_order_hall', ['hall', 'day', 'opened_at', 'number'], unique=False)
        batch_op.create_index('ix_fleet_order_kiosk', ['kiosk', 'day', 'opened_at', 'number'], unique=False)
        batch_op.create_index('ix_fleet_order_newest', ['day', 'opened_at', 'number'], unique=False)
        batch_op.create_index('ix_fleet_order_review', ['hall', 'day', 'number'], unique=False, sqlite_where=sa.text("review <> ''"), postgresql_where=sa.text("review <> ''"))
        batch_op.create_index('ix_fleet_order_state', ['state', 'day', 'opened_at', 'number'], unique=False)
        batch_op.create_index('ix_fleet_order_wanted', ['holder', 'number'], unique=False, sqlite_where=sa.text('wanted IS NOT NULL'), postgresql_where=sa.text('wanted IS NOT NULL'))

    op.create_table('fleet_status',
    sa.Column('kiosk', sa.String(length=6), nullable=False),
    sa.Column('counter', sa.BigInteger(), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('version', sa.String(length=40), nullable=False),
    sa.Column('seen_at', kiosk.db.Instant(timezone=True), nullable=True),
    sa.Column('told', kiosk.db.Json(), nullable=False),
    sa.PrimaryKeyConstraint('kiosk', name=op.f('pk_fleet_status')),
    postgresql_with={'fillfactor': '70'}
    )

    if op.get_bind().dialect.name == 'postgresql':
        op.execute("CREATE TABLE fleet_order_other PARTITION OF fleet_order DEFAULT")
        months.ensure(op.get_bind())
        _part_events()


def _part_events():
    """Each kiosk's chain in one of 16 parts: indexes stay small, and pushes of different kiosks rarely meet."""
    op.execute("ALTER TABLE event RENAME TO event_whole")
    for name in ('ix_event_order', 'ix_event_kind'):
        op.execute(f"DROP INDEX {name}")
    op.execute("ALTER TABLE event_whole DROP CONSTRAINT pk_event")
    op.execute("CREATE TABLE event (LIKE event_whole INCLUDING DEFAULTS, CONSTRAINT pk_event PRIMARY KEY (kiosk, epoch, seq)) PARTITION BY HASH (kiosk)")
    for part in range(EVENT_PARTS):
        op.execute(f"CREATE TABLE event_p{part:02d} PARTITION OF event FOR VALUES WITH (MODULUS {EVENT_PARTS}, REMAINDER {part})")
    op.execute("INSERT INTO event SELECT * FROM event_whole")
    op.execute("DROP TABLE event_whole")
    op.create_index('ix_event_order', 'event', ['order_no', 'seq'], unique=False)
    op.create_index('ix_event_kind', 'event', ['kind', 'seq'], unique=False)


def downgrade():
    if op.get_bind().dialect.name == 'postgresql':
        op.execute("CREATE TABLE event_whole (LIKE event INCLUDING DEFAULTS)")
        op.execute("INSERT INTO event_whole SELECT * FROM event")
        op.execute("DROP TABLE event")
        op.execute("ALTER TABLE event_whole RENAME TO event")
        op.create_primary_key('pk_event', 'event', ['kiosk', 'epoch', 'seq'])
        op.create_index('ix_event_order', 'event', ['order_no', 'seq'], unique=False)
        op.create_index('ix_event_kind', 'event', ['kind', 'seq'], unique=False)
    op.drop_table('fleet_command')
    op.drop_table('fleet_dossier')
    op.drop_table('fleet_fault')
    op.drop_table('fleet_figure')
    op.drop_table('fleet_invite')
    op.drop_table('fleet_key')
    op.drop_table('fleet_kiosk')
    op.drop_table('fleet_lease')
    op.drop_table('fleet_order')
    op.drop_table('fleet_status')
