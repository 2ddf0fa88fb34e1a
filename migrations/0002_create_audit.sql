-- The audit log. Every mutation writes its entry in the transaction of its effect.
-- Append-only: no role may change or remove a row, the owner is stopped by the
-- trigger. The Merkle tree over it is kept elsewhere. docs/audit_format.md.
CREATE TABLE audit_entries (
  entry_time  timestamptz NOT NULL,              -- from the writer's Clock
  entry_id    uuid        NOT NULL,              -- UUIDv7, made by the writer
  actor       text        NOT NULL CHECK (length(actor) BETWEEN 1 AND 512),
  action      text        NOT NULL CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
  resource    text        NOT NULL CHECK (length(resource) BETWEEN 1 AND 512),
  entry       text        NOT NULL,              -- the canonical bytes
  leaf_hash   bytea       NOT NULL CHECK (length(leaf_hash) = 32),
  PRIMARY KEY (entry_time, entry_id)
) PARTITION BY RANGE (entry_time);

CREATE INDEX audit_entries_by_resource ON audit_entries (resource);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_entries_append_only
  BEFORE UPDATE OR DELETE ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_entries_keep
  BEFORE TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Triggers for rows reach a table's partitions by themselves, those for TRUNCATE
-- do not.
CREATE FUNCTION refuse_truncate(partition_name text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE OR REPLACE TRIGGER keep BEFORE TRUNCATE ON %I '
                 'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                 partition_name);
END
$$;

-- Partitions by month, one table family at a time. The default partition takes
-- what falls outside, so that a forgotten partition never stops issuance.
CREATE FUNCTION create_month_partitions(family text, first_month date, months int)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  month date;
BEGIN
  FOR i IN 0 .. months - 1 LOOP
    month := (date_trunc('month', first_month) + make_interval(months => i))::date;
    EXECUTE format(
      'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
      family || to_char(month, '_YYYY_MM'), family,
      month::timestamp AT TIME ZONE 'UTC',
      (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    IF family = 'audit_entries' THEN
      PERFORM refuse_truncate(family || to_char(month, '_YYYY_MM'));
    END IF;
  END LOOP;
END
$$;

-- The same for tables that are partitioned by serial number: its first 48 bits
-- are milliseconds since 1970.
CREATE FUNCTION create_serial_partitions(family text, first_month date, months int)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  month date;
  low bytea;
  high bytea;
BEGIN
  FOR i IN 0 .. months - 1 LOOP
    month := (date_trunc('month', first_month) + make_interval(months => i))::date;
    low := substring(int8send((extract(epoch FROM month) * 1000)::bigint) FROM 3);
    high := substring(int8send(
      (extract(epoch FROM month + interval '1 month') * 1000)::bigint) FROM 3);
    EXECUTE format(
      'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
      family || to_char(month, '_YYYY_MM'), family, low, high);
    IF family = 'certificates' THEN
      PERFORM refuse_truncate(family || to_char(month, '_YYYY_MM'));
    END IF;
  END LOOP;
END
$$;

SELECT create_month_partitions('audit_entries', DATE '2026-10-01', 27);
CREATE TABLE audit_entries_default PARTITION OF audit_entries DEFAULT;
SELECT refuse_truncate('audit_entries_default');

GRANT INSERT ON audit_entries
  TO birthmark_ca, birthmark_registration, birthmark_inventory;
