-- Every table, by the module that owns it. Times are milliseconds since 1970, UTC.
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- journal: calls, newest last; `open` calls were begun and have not ended.
CREATE TABLE IF NOT EXISTS calls (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  instance TEXT NOT NULL,
  server TEXT NOT NULL,
  tool TEXT NOT NULL,
  access TEXT NOT NULL,
  caller TEXT NOT NULL,
  run TEXT,
  trace TEXT,
  digest TEXT NOT NULL,
  state TEXT NOT NULL,
  fault TEXT,
  effect TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  ms INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  cached INTEGER NOT NULL DEFAULT 0,
  hedged INTEGER NOT NULL DEFAULT 0,
  fallback TEXT,
  approval TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS calls_open ON calls (instance) WHERE state = 'open';
CREATE TABLE IF NOT EXISTS tool_stats (
  server TEXT NOT NULL,
  tool TEXT NOT NULL,
  calls INTEGER NOT NULL,
  ok INTEGER NOT NULL,
  p50_ms INTEGER NOT NULL,
  p95_ms INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  durations BLOB NOT NULL,
  PRIMARY KEY (server, tool)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;

-- approvals: one row is one question to a person.
CREATE TABLE IF NOT EXISTS approvals (
  id TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  principal TEXT NOT NULL,
  caller TEXT NOT NULL,
  server TEXT NOT NULL,
  tool TEXT NOT NULL,
  policy TEXT NOT NULL,
  question TEXT NOT NULL,
  by_client INTEGER NOT NULL,
  asked_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  answered_at INTEGER,
  answered_by TEXT,
  answered_how TEXT,
  many INTEGER NOT NULL DEFAULT 0,
  uses INTEGER NOT NULL DEFAULT 0,
  used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS approvals_digest ON approvals (digest);

-- pipeline: results kept aside, and how servers are doing.
CREATE TABLE IF NOT EXISTS results (
  handle TEXT NOT NULL,
  principal TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  server TEXT NOT NULL,
  tool TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (handle, principal)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS server_health (
  server TEXT PRIMARY KEY,
  breaker TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- catalogue: what servers listed when they last did.
CREATE TABLE IF NOT EXISTS listings (
  server TEXT PRIMARY KEY, info TEXT NOT NULL, listing TEXT NOT NULL, listed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- trust: tools as they were first seen or last approved, and commands as they were approved.
CREATE TABLE IF NOT EXISTS pins (
  server TEXT NOT NULL, tool TEXT NOT NULL, fingerprint TEXT NOT NULL, canonical TEXT NOT NULL,
  pinned_at INTEGER NOT NULL, by TEXT NOT NULL, read INTEGER NOT NULL, blocked TEXT,
  body TEXT NOT NULL, description TEXT NOT NULL, schema TEXT NOT NULL,
  PRIMARY KEY (server, tool)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command_pins (
  server TEXT PRIMARY KEY, canonical TEXT NOT NULL, approved_at INTEGER NOT NULL, by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- upstream: the era a server speaks, and how each server was doing, for other processes.
CREATE TABLE IF NOT EXISTS server_era (
  server TEXT PRIMARY KEY,
  target TEXT NOT NULL,
  era TEXT NOT NULL,
  program TEXT NOT NULL,
  version TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS server_orders (
  server TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS server_status (
  server TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  pid INTEGER,
  starts INTEGER NOT NULL,
  in_flight INTEGER NOT NULL,
  protocol TEXT,
  era TEXT,
  program TEXT,
  version TEXT,
  fault_kind TEXT,
  fault TEXT,
  containment TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- hub: what each principal prefers.
CREATE TABLE IF NOT EXISTS preferences (
  principal TEXT PRIMARY KEY,
  preferences TEXT NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- alerts: what fires in each running process.
CREATE TABLE IF NOT EXISTS alerts (
  instance TEXT NOT NULL,
  alert TEXT NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT;
