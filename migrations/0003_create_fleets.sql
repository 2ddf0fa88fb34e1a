-- Fleets, lines, batches: who may make which devices.
CREATE TABLE fleets (
  fleet_id        text        PRIMARY KEY CHECK (fleet_id ~ '^[a-z0-9-]{1,63}$'),
  display_name    text        NOT NULL CHECK (length(display_name) <= 200),
  idevid_profile  text        NOT NULL CHECK (idevid_profile ~ '^[a-z0-9-]{1,63}$'),
  ldevid_profile  text        NOT NULL CHECK (ldevid_profile ~ '^[a-z0-9-]{1,63}$'),
  version         bigint      NOT NULL DEFAULT 1,  -- source of the API etag
  create_time     timestamptz NOT NULL,
  update_time     timestamptz NOT NULL
);
CREATE INDEX fleets_by_age ON fleets (create_time, fleet_id);

CREATE TABLE lines (
  fleet_id     text        NOT NULL REFERENCES fleets,
  line_id      text        NOT NULL CHECK (line_id ~ '^[a-z0-9-]{1,63}$'),
  state        smallint    NOT NULL CHECK (state BETWEEN 1 AND 2), -- active, disabled
  models       text[]      NOT NULL CHECK (cardinality(models) BETWEEN 1 AND 64),
  quota        bigint      NOT NULL CHECK (quota >= 0),            -- 0: no limit
  issued       bigint      NOT NULL DEFAULT 0 CHECK (issued >= 0),
  version      bigint      NOT NULL DEFAULT 1,
  create_time  timestamptz NOT NULL,
  PRIMARY KEY (fleet_id, line_id),
  CONSTRAINT quota_is_kept CHECK (quota = 0 OR issued <= quota)
);
CREATE INDEX lines_by_age ON lines (create_time, fleet_id, line_id);

CREATE TABLE batches (
  batch_key    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  fleet_id     text        NOT NULL,
  line_id      text        NOT NULL,
  batch_id     text        NOT NULL CHECK (batch_id ~ '^[a-z0-9-]{1,63}$'),
  profile      text        NOT NULL CHECK (profile ~ '^[a-z0-9-]{1,63}$'),
  state        smallint    NOT NULL CHECK (state BETWEEN 1 AND 2), -- open, closed
  create_time  timestamptz NOT NULL,
  UNIQUE (fleet_id, line_id, batch_id),
  FOREIGN KEY (fleet_id, line_id) REFERENCES lines
);

-- Answers of unary mutations, so that a repeat with the same request id gets the
-- first answer. Kept seven days at least.
CREATE TABLE requests (
  caller        text        NOT NULL,
  method        text        NOT NULL,
  request_id    uuid        NOT NULL,
  request_hash  bytea       NOT NULL CHECK (length(request_hash) = 32),
  response      bytea       NOT NULL,
  create_time   timestamptz NOT NULL,
  PRIMARY KEY (caller, method, request_id)
);
CREATE INDEX requests_by_age ON requests (create_time);

GRANT SELECT, INSERT, UPDATE ON fleets TO birthmark_inventory;
GRANT SELECT ON fleets TO birthmark_registration;
GRANT SELECT, INSERT, UPDATE ON lines, batches TO birthmark_registration;
GRANT SELECT ON lines, batches TO birthmark_inventory;
GRANT SELECT, INSERT ON requests TO birthmark_registration, birthmark_inventory;
