-- Devices, their keys, and what happened to them. Rows are never deleted:
-- decommissioning is a state, so that audit entries always have something to
-- point at.
CREATE TABLE devices (
  device_uid          uuid        PRIMARY KEY,     -- UUIDv7, never reused
  fleet_id            text        NOT NULL REFERENCES fleets,
  -- registered, active, quarantined, decommissioning, decommissioned
  state               smallint    NOT NULL CHECK (state BETWEEN 1 AND 5),
  model               text        NOT NULL CHECK (length(model) BETWEEN 1 AND 64),
  serial_number       text        NOT NULL CHECK (length(serial_number) BETWEEN 1 AND 64),
  hardware_revision   text        NOT NULL CHECK (length(hardware_revision) <= 64),
  line_id             text        NOT NULL,
  batch_id            text        NOT NULL,
  display_name        text        NOT NULL DEFAULT '',
  labels              jsonb       NOT NULL DEFAULT '{}',
  -- The newest operational certificate that the device has used; those before it
  -- are superseded.
  current_serial      bytea       CHECK (length(current_serial) = 16),
  version             bigint      NOT NULL DEFAULT 1,  -- source of the API etag
  create_time         timestamptz NOT NULL,
  update_time         timestamptz NOT NULL,
  last_contact_time   timestamptz,
  decommission_time   timestamptz,
  CHECK ((state = 5) = (decommission_time IS NOT NULL)),
  FOREIGN KEY (fleet_id, line_id) REFERENCES lines
);
-- A serial number names one living device of a model; retired hardware that comes
-- back is a new device.
CREATE UNIQUE INDEX devices_living_hardware
  ON devices (fleet_id, model, serial_number) WHERE state <> 5;
CREATE INDEX devices_by_age ON devices (fleet_id, create_time, device_uid);

-- Every key that any device, line or operator ever had certified. Unique for ever
-- and across all fleets, so partitioned by hash. One key, one certificate.
CREATE TABLE keys (
  spki_sha256  bytea       NOT NULL CHECK (length(spki_sha256) = 32),
  device_uid   uuid        REFERENCES devices,     -- null: a line's or operator's
  owner        text        NOT NULL,               -- resource name of the owner
  usage        smallint    NOT NULL CHECK (usage BETWEEN 1 AND 3), -- idevid, ldevid, client
  state        smallint    NOT NULL CHECK (state BETWEEN 1 AND 3), -- active, retired, blocked
  algorithm    smallint    NOT NULL CHECK (algorithm BETWEEN 1 AND 4), -- p256, p384, ed25519, rsa
  bits         integer     NOT NULL CHECK (bits BETWEEN 255 AND 4096),
  -- The serial number reserved for its certificate before the CA is asked.
  serial       bytea       NOT NULL CHECK (length(serial) = 16),
  profile      text        NOT NULL,
  create_time  timestamptz NOT NULL,
  retire_time  timestamptz,
  PRIMARY KEY (spki_sha256),
  CHECK ((state = 1) = (retire_time IS NULL))
) PARTITION BY HASH (spki_sha256);
DO $$
BEGIN
  FOR i IN 0 .. 15 LOOP
    EXECUTE format('CREATE TABLE keys_%s PARTITION OF keys '
                   'FOR VALUES WITH (MODULUS 16, REMAINDER %s)', i, i);
  END LOOP;
END
$$;
CREATE INDEX keys_by_device ON keys (device_uid, create_time);

-- Items of batches: (batch_key, item_id) is the idempotency key of issuance. An
-- item that was admitted has its device and serial number and is bound to its CSR;
-- one that failed is bound to nothing and may be sent again.
CREATE TABLE batch_items (
  batch_key    bigint      NOT NULL REFERENCES batches,
  item_id      text        NOT NULL CHECK (item_id ~ '^[!-.0-~]{1,128}$'),
  csr_sha256   bytea       NOT NULL CHECK (length(csr_sha256) = 32),
  device_uid   uuid        REFERENCES devices,
  serial       bytea       CHECK (length(serial) = 16),
  error_code   smallint,   -- gRPC status code of the last failure
  error_reason text,
  error_text   text,
  create_time  timestamptz NOT NULL,
  PRIMARY KEY (batch_key, item_id),
  CHECK ((device_uid IS NULL) = (serial IS NULL)),
  CHECK ((serial IS NULL) = (error_code IS NOT NULL))
);

CREATE TABLE device_events (
  device_uid   uuid        NOT NULL REFERENCES devices,
  event_id     uuid        NOT NULL,               -- UUIDv7
  kind         text        NOT NULL CHECK (kind ~ '^[a-z_]{1,63}$'),
  from_state   smallint    NOT NULL CHECK (from_state BETWEEN 0 AND 5),
  to_state     smallint    NOT NULL CHECK (to_state BETWEEN 1 AND 5),
  actor        text        NOT NULL,
  reason       text        NOT NULL,
  details      jsonb       NOT NULL DEFAULT '{}',
  create_time  timestamptz NOT NULL,
  PRIMARY KEY (device_uid, create_time, event_id)
) PARTITION BY RANGE (create_time);
SELECT create_month_partitions('device_events', DATE '2026-10-01', 27);
CREATE TABLE device_events_default PARTITION OF device_events DEFAULT;

-- What devices said about their firmware, and the newest word per component.
CREATE TABLE firmware_reports (
  device_uid        uuid        NOT NULL REFERENCES devices,
  report_id         uuid        NOT NULL,          -- UUIDv7
  component         text        NOT NULL CHECK (component ~ '^[a-z0-9-]{1,63}$'),
  firmware_version  text        NOT NULL CHECK (length(firmware_version) BETWEEN 1 AND 64),
  digest            bytea       NOT NULL CHECK (length(digest) = 32),
  security_version  bigint      NOT NULL CHECK (security_version >= 0),
  boot_time         timestamptz,
  create_time       timestamptz NOT NULL,
  PRIMARY KEY (device_uid, create_time, report_id)
) PARTITION BY RANGE (create_time);
SELECT create_month_partitions('firmware_reports', DATE '2026-10-01', 27);
CREATE TABLE firmware_reports_default PARTITION OF firmware_reports DEFAULT;

CREATE TABLE device_firmware (
  device_uid        uuid        NOT NULL REFERENCES devices,
  component         text        NOT NULL,
  firmware_version  text        NOT NULL,
  digest            bytea       NOT NULL,
  security_version  bigint      NOT NULL,
  boot_time         timestamptz,
  report_time       timestamptz NOT NULL,
  PRIMARY KEY (device_uid, component)
);

GRANT SELECT, INSERT ON devices TO birthmark_registration;
GRANT UPDATE (state, current_serial, version, update_time, last_contact_time)
  ON devices TO birthmark_registration;
GRANT SELECT ON devices TO birthmark_inventory;
GRANT UPDATE (state, display_name, labels, version, update_time, decommission_time)
  ON devices TO birthmark_inventory;
GRANT SELECT, INSERT ON keys TO birthmark_registration;
GRANT SELECT ON keys TO birthmark_inventory;
GRANT UPDATE (state, retire_time) ON keys TO birthmark_inventory;
GRANT SELECT, INSERT, UPDATE ON batch_items TO birthmark_registration;
GRANT SELECT, INSERT ON device_events TO birthmark_registration, birthmark_inventory;
GRANT INSERT ON firmware_reports TO birthmark_registration;
GRANT SELECT, INSERT, UPDATE ON device_firmware TO birthmark_registration;
GRANT SELECT ON firmware_reports, device_firmware TO birthmark_inventory;
