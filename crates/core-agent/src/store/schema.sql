-- Every table, by the module that owns it. Times are milliseconds since 1970, UTC.
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
