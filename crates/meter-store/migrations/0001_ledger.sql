-- The ledger. Times are TEXT, RFC 3339 in UTC with milliseconds, so they sort as text. Booleans are 0 or 1.
-- Money is whole pico-dollars (10^-12 USD), except `cost_usd_minor_units`: millicents (10^-5 USD).
-- This file is frozen: later changes are new files.

CREATE TABLE projects (
    id          TEXT PRIMARY KEY,
    slug        TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    archived_at TEXT
) STRICT;

CREATE TABLE project_settings (
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (project_id, key)
) STRICT, WITHOUT ROWID;

-- One row per call. Token columns never overlap: everything the model read is
-- input_tokens + cache_read_tokens + cache_write_tokens. They are NULL when the wire said nothing about usage.
CREATE TABLE requests (
    id                         TEXT PRIMARY KEY,
    project_id                 TEXT NOT NULL REFERENCES projects (id) ON DELETE RESTRICT,
    requested_at               TEXT NOT NULL,
    ended_at                   TEXT,               -- NULL: lost with the daemon that carried it
    provider                   TEXT NOT NULL,
    endpoint                   TEXT NOT NULL,
    class                      TEXT NOT NULL,      -- costed, zero_cost, observed
    request_kind               TEXT NOT NULL,      -- chat, embedding, ...
    host                       TEXT NOT NULL,
    method                     TEXT NOT NULL,
    path                       TEXT NOT NULL,      -- without the query
    http_status                INTEGER,
    status                     TEXT NOT NULL,      -- success, error, cancelled, interrupted, refused
    mode                       TEXT NOT NULL,      -- standard, streaming, thinking, batch
    billing                    TEXT NOT NULL,      -- api, plan
    provider_request_id        TEXT,
    response_id                TEXT,
    model_requested            TEXT,
    model                      TEXT,               -- the one that answered, else the one asked for
    service_tier               TEXT,
    speed                      TEXT,
    geo                        TEXT,
    upstream                   TEXT,
    finish                     TEXT,
    usage_state                TEXT NOT NULL,      -- none, partial, final
    tokens_complete            INTEGER NOT NULL CHECK (tokens_complete IN (0, 1)),
    input_tokens               INTEGER,            -- uncached prompt tokens of every modality
    output_tokens              INTEGER,            -- all answer tokens, reasoning included
    thinking_tokens            INTEGER,            -- the reasoning part of output_tokens; NULL: not reported
    cache_read_tokens          INTEGER,            -- of every modality
    cache_write_tokens         INTEGER,            -- = _5m + _1h + _other
    cache_write_tokens_5m      INTEGER,
    cache_write_tokens_1h      INTEGER,
    cache_write_tokens_other   INTEGER,
    cache_write_other_lifetime TEXT,               -- 30m, 12h, default; several joined by `,`
    evidence                   TEXT NOT NULL,      -- none, provider_cost, provider_usage, partial_stream, estimated, unpriced
    usage_flags                TEXT NOT NULL,      -- JSON list of texts
    list_pico                  INTEGER,
    contract_pico              INTEGER,
    charged_pico               INTEGER,
    provider_cost_pico         INTEGER,
    estimated_pico             INTEGER,            -- what a cut stream left out; in no other amount
    estimated_bound_pico       INTEGER,            -- half-width of that estimate
    cost_usd_minor_units       INTEGER,            -- charged_pico in millicents, half to even; NULL when unpriced
    fx_rate                    TEXT,
    rates_source               TEXT,
    manifest_digest            TEXT NOT NULL,
    error_class                TEXT,
    provider_error_code        TEXT,
    retry_after_ms             INTEGER,
    retry_of                   TEXT,
    run_id                     TEXT,
    process                    TEXT,
    process_id                 INTEGER,
    process_exe                TEXT,
    source                     TEXT NOT NULL,      -- tagging source that named the project
    reason                     TEXT NOT NULL,
    branch                     TEXT,
    source_workdir             TEXT,
    latency_ms                 INTEGER,
    ttfb_ms                    INTEGER,
    added_us                   INTEGER,
    frames_up                  INTEGER,
    frames_down                INTEGER,
    policy_rule                TEXT,
    settled_at                 TEXT,               -- a later read brought the usage
    repriced_at                TEXT,
    first_evidence             TEXT,               -- the first bill, kept when a reprice changed it
    first_list_pico            INTEGER,
    first_contract_pico        INTEGER,
    first_charged_pico         INTEGER
) STRICT;

CREATE INDEX requests_by_time ON requests (requested_at, id);
-- With the latency, so that a percentile reads the index alone.
CREATE INDEX requests_by_project ON requests (project_id, requested_at, id, latency_ms);
CREATE INDEX requests_by_provider ON requests (provider, requested_at, id);
CREATE INDEX requests_by_response ON requests (provider, response_id) WHERE response_id IS NOT NULL;
CREATE INDEX requests_by_run ON requests (run_id) WHERE run_id IS NOT NULL;

-- One row per bucket or fee. Counts without a price keep their quantity; rate, price and amount are NULL then.
CREATE TABLE line_items (
    request_id  TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    meter       TEXT NOT NULL,
    model       TEXT NOT NULL,
    quantity    INTEGER NOT NULL,
    rate        TEXT,
    multipliers TEXT NOT NULL,                     -- JSON list of {name, by}
    price_id    TEXT,
    amount_pico INTEGER,
    PRIMARY KEY (request_id, position)
) STRICT, WITHOUT ROWID;

-- Every price row a call used, as it was.
CREATE TABLE price_snapshots (
    price_id       TEXT PRIMARY KEY,               -- provider/model@from#hash
    provider       TEXT NOT NULL,
    model          TEXT NOT NULL,
    effective_from TEXT NOT NULL,
    source         TEXT NOT NULL,
    row            TEXT NOT NULL,                  -- JSON
    first_used_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
    digest     TEXT NOT NULL,                      -- of the snapshot that holds the rule
    id         TEXT NOT NULL,
    position   INTEGER NOT NULL,
    stage      TEXT NOT NULL,                      -- observe, warn, enforce
    rule       TEXT NOT NULL,                      -- JSON
    applied_at TEXT NOT NULL,
    PRIMARY KEY (digest, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_events (
    id         TEXT PRIMARY KEY,
    at         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    request_id TEXT,
    project    TEXT,
    rule       TEXT,
    stage      TEXT,
    verdict    TEXT,
    message    TEXT NOT NULL,
    detail     TEXT NOT NULL                       -- JSON object
) STRICT;

CREATE INDEX audit_events_by_time ON audit_events (at, id);
CREATE INDEX audit_events_by_request ON audit_events (request_id) WHERE request_id IS NOT NULL;

CREATE TABLE request_bodies (
    request_id   TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    direction    TEXT NOT NULL CHECK (direction IN ('request', 'response')),
    captured_at  TEXT NOT NULL,
    content_type TEXT,
    bytes_total  INTEGER NOT NULL,                 -- on the wire
    truncated    INTEGER NOT NULL CHECK (truncated IN (0, 1)),
    redactions   INTEGER NOT NULL,
    body         BLOB NOT NULL,
    PRIMARY KEY (request_id, direction)
) STRICT, WITHOUT ROWID;

-- Connections that were not metered. `seq` counts within one life of an edge.
CREATE TABLE coverage (
    edge        TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    at          TEXT NOT NULL,
    host        TEXT NOT NULL,
    process     TEXT,
    outcome     TEXT NOT NULL,                     -- tunnelled, pinned, bypassed, opaque, ...
    connections INTEGER NOT NULL,
    bytes_up    INTEGER NOT NULL,
    bytes_down  INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (edge, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX coverage_by_time ON coverage (at);

-- Sums of `requests` (observed exchanges left out) per quarter of an hour (UTC), kept in the transaction that writes
-- the row. Quarters, because days
-- of every time zone are whole quarters. An amount is whole dollars (`_usd`) plus what is left of each row
-- (`_rest_pico`): so no sum leaves 64 bits, whatever a mistyped price makes of a row.
CREATE TABLE rollups (
    bucket             TEXT NOT NULL,              -- first instant of the quarter
    project_id         TEXT NOT NULL REFERENCES projects (id) ON DELETE RESTRICT,
    provider           TEXT NOT NULL,
    model              TEXT NOT NULL,              -- '' when unknown
    evidence           TEXT NOT NULL,
    billing            TEXT NOT NULL,
    requests           INTEGER NOT NULL,
    failed             INTEGER NOT NULL,           -- status other than success
    input_tokens       INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    thinking_tokens    INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    list_usd           INTEGER NOT NULL,
    list_rest_pico     INTEGER NOT NULL,
    charged_usd        INTEGER NOT NULL,
    charged_rest_pico  INTEGER NOT NULL,
    estimated_usd      INTEGER NOT NULL,
    estimated_rest_pico INTEGER NOT NULL,
    bound_usd          INTEGER NOT NULL,
    bound_rest_pico    INTEGER NOT NULL,
    timed              INTEGER NOT NULL,           -- rows with a latency
    latency_ms         INTEGER NOT NULL,           -- their sum
    PRIMARY KEY (bucket, project_id, provider, model, evidence, billing)
) STRICT, WITHOUT ROWID;

CREATE INDEX rollups_by_project ON rollups (project_id, bucket);

-- The same per UTC day: the middle of a long report.
CREATE TABLE rollup_days (
    bucket             TEXT NOT NULL,              -- first instant of the day
    project_id         TEXT NOT NULL REFERENCES projects (id) ON DELETE RESTRICT,
    provider           TEXT NOT NULL,
    model              TEXT NOT NULL,
    evidence           TEXT NOT NULL,
    billing            TEXT NOT NULL,
    requests           INTEGER NOT NULL,
    failed             INTEGER NOT NULL,
    input_tokens       INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    thinking_tokens    INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    list_usd           INTEGER NOT NULL,
    list_rest_pico     INTEGER NOT NULL,
    charged_usd        INTEGER NOT NULL,
    charged_rest_pico  INTEGER NOT NULL,
    estimated_usd      INTEGER NOT NULL,
    estimated_rest_pico INTEGER NOT NULL,
    bound_usd          INTEGER NOT NULL,
    bound_rest_pico    INTEGER NOT NULL,
    timed              INTEGER NOT NULL,
    latency_ms         INTEGER NOT NULL,
    PRIMARY KEY (bucket, project_id, provider, model, evidence, billing)
) STRICT, WITHOUT ROWID;

CREATE INDEX rollup_days_by_project ON rollup_days (project_id, bucket);

CREATE TABLE reconciliation_records (
    id           TEXT PRIMARY KEY,
    created_at   TEXT NOT NULL,
    provider     TEXT NOT NULL,
    period_start TEXT NOT NULL,
    period_end   TEXT NOT NULL,
    source       TEXT NOT NULL,                    -- the invoice or export compared with
    billed_pico  INTEGER NOT NULL,
    metered_pico INTEGER NOT NULL,
    detail       TEXT NOT NULL                     -- JSON
) STRICT;

-- Calls under way: here from their open record to their close.
CREATE TABLE open_calls (
    id     TEXT PRIMARY KEY,
    owner  TEXT NOT NULL,                          -- the journal's writer, dead or alive
    record TEXT NOT NULL                           -- JSON of the open record
) STRICT, WITHOUT ROWID;

CREATE INDEX open_calls_by_owner ON open_calls (owner);

-- How far each journal file was moved into this database; written in the same transaction as its rows.
CREATE TABLE journal_offsets (
    file   TEXT PRIMARY KEY,
    offset INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
