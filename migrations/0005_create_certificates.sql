-- Certificates, revocations, CRLs. A certificate row never changes; what becomes
-- of the certificate is in `revocations`.
CREATE TABLE certificates (
  -- 48-bit millisecond timestamp, then 80 random bits: time order keeps inserts
  -- local and prunes partitions.
  serial           bytea       NOT NULL CHECK (length(serial) = 16),
  issuer_id        text        NOT NULL CHECK (issuer_id ~ '^[a-z0-9-]{1,63}$'),
  profile          text        NOT NULL,
  profile_version  integer     NOT NULL CHECK (profile_version > 0),
  spki_sha256      bytea       NOT NULL CHECK (length(spki_sha256) = 32),
  device_uid       uuid,       -- null: not a device's
  fleet_id         text,       -- null: belongs to no fleet
  crl_shard        integer     NOT NULL CHECK (crl_shard >= 0),
  not_before       timestamptz NOT NULL,
  not_after        timestamptz NOT NULL,
  certificate_der  bytea       NOT NULL,
  create_time      timestamptz NOT NULL,
  PRIMARY KEY (serial),
  CHECK (not_before < not_after)
) PARTITION BY RANGE (serial);
SELECT create_serial_partitions('certificates', DATE '2026-10-01', 27);
CREATE TABLE certificates_default PARTITION OF certificates DEFAULT;
CREATE INDEX certificates_by_device ON certificates (device_uid, serial)
  WHERE device_uid IS NOT NULL;
CREATE TRIGGER certificates_append_only
  BEFORE UPDATE OR DELETE ON certificates
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE revocations (
  serial           bytea       NOT NULL PRIMARY KEY CHECK (length(serial) = 16),
  issuer_id        text        NOT NULL,
  crl_shard        integer     NOT NULL,
  not_after        timestamptz NOT NULL,           -- the certificate's
  -- held, revoked, released
  state            smallint    NOT NULL CHECK (state BETWEEN 1 AND 3),
  reason           smallint    NOT NULL
                   CHECK (reason BETWEEN 0 AND 10 AND reason NOT IN (7, 8)),
  actor            text        NOT NULL,
  version          bigint      NOT NULL DEFAULT 2, -- 1 is the certificate unrevoked
  revoke_time      timestamptz NOT NULL,
  invalidity_time  timestamptz,
  update_time      timestamptz NOT NULL,
  CHECK ((state = 1) = (reason = 6) OR state = 3)
);
CREATE INDEX revocations_by_shard ON revocations (issuer_id, crl_shard, update_time);

-- One row a shard: the row lock makes the number rise by one.
CREATE TABLE crls (
  issuer_id    text        NOT NULL,
  crl_shard    integer     NOT NULL CHECK (crl_shard >= 0),
  number       bigint      NOT NULL CHECK (number > 0),
  this_update  timestamptz NOT NULL,
  next_update  timestamptz NOT NULL,
  -- Every revocation committed before it was built is on it.
  entries      integer     NOT NULL,
  crl_der      bytea       NOT NULL,
  PRIMARY KEY (issuer_id, crl_shard, number)
);

GRANT SELECT, INSERT ON certificates TO birthmark_ca;
GRANT SELECT ON certificates TO birthmark_registration, birthmark_inventory;
GRANT SELECT ON revocations TO birthmark_ca;
GRANT SELECT, INSERT, UPDATE ON revocations
  TO birthmark_registration, birthmark_inventory;
GRANT SELECT, INSERT ON crls TO birthmark_ca;
