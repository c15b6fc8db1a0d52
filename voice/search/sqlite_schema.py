"""The tables in SQLite, as the steps that made them: the first makes version 1, and so on."""

_FIRST = (
    "CREATE TABLE clock (revision INTEGER NOT NULL)",
    "INSERT INTO clock VALUES (0)",
    """CREATE TABLE stores (
      id TEXT PRIMARY KEY,
      place INTEGER NOT NULL,
      name TEXT NOT NULL,
      description TEXT NOT NULL,
      metadata TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      last_active_at INTEGER NOT NULL,
      expires_after_days INTEGER,
      embedder TEXT NOT NULL DEFAULT '',
      dimensions INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE UNIQUE INDEX stores_listed ON stores (created_at, place)",
    """CREATE TABLE files (
      id TEXT PRIMARY KEY,
      place INTEGER NOT NULL,
      filename TEXT NOT NULL,
      purpose TEXT NOT NULL,
      bytes INTEGER NOT NULL,
      sha256 TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      expires_at INTEGER
    )""",
    "CREATE UNIQUE INDEX files_listed ON files (created_at, place)",
    """CREATE TABLE documents (
      number INTEGER PRIMARY KEY,
      place INTEGER NOT NULL,
      revision INTEGER NOT NULL,
      embedded INTEGER NOT NULL,
      id TEXT NOT NULL,
      store_id TEXT NOT NULL REFERENCES stores ON DELETE CASCADE,
      name TEXT NOT NULL,
      path TEXT NOT NULL,
      title TEXT NOT NULL,
      sha256 TEXT NOT NULL,
      bytes INTEGER NOT NULL,
      modified_ns INTEGER NOT NULL,
      attributes TEXT NOT NULL,
      max_tokens INTEGER NOT NULL,
      overlap_tokens INTEGER NOT NULL,
      status TEXT NOT NULL,
      failure_code TEXT NOT NULL,
      failure_message TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      chunk_count INTEGER NOT NULL,
      batch_id TEXT NOT NULL,
      UNIQUE (store_id, id)
    )""",
    "CREATE UNIQUE INDEX documents_by_path ON documents (store_id, path) WHERE path <> ''",
    "CREATE UNIQUE INDEX documents_listed ON documents (store_id, created_at, place)",
    "CREATE INDEX documents_changed ON documents (store_id, revision)",
    "CREATE INDEX documents_embedded ON documents (store_id) WHERE embedded",
    "CREATE INDEX documents_of_files ON documents (id)",
    "CREATE INDEX documents_of_batches ON documents (store_id, batch_id) WHERE batch_id <> ''",
    # The same as in documents.attributes, one a row and by type, for filters.
    """CREATE TABLE attributes (
      document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
      key TEXT NOT NULL,
      text TEXT,
      amount REAL,
      flag INTEGER,
      PRIMARY KEY (document, key)
    ) WITHOUT ROWID""",
    """CREATE TABLE chunks (
      id INTEGER PRIMARY KEY,
      document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
      start_at INTEGER NOT NULL,
      end_at INTEGER NOT NULL,
      headings TEXT NOT NULL,
      text TEXT NOT NULL
    )""",
    "CREATE INDEX chunks_of_documents ON chunks (document)",
    """CREATE TABLE vectors (
      document INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
      vectors BLOB NOT NULL
    )""",
    """CREATE VIRTUAL TABLE keywords USING fts5 (
      headings, text, content='chunks', content_rowid='id',
      tokenize='porter unicode61 remove_diacritics 2'
    )""",
    # What stands in a heading counts twice.
    "INSERT INTO keywords (keywords, rank) VALUES ('rank', 'bm25(2.0, 1.0)')",
    """CREATE TRIGGER chunk_added AFTER INSERT ON chunks BEGIN
      INSERT INTO keywords (rowid, headings, text) VALUES (new.id, new.headings, new.text);
    END""",
    """CREATE TRIGGER chunk_deleted AFTER DELETE ON chunks BEGIN
      INSERT INTO keywords (keywords, rowid, headings, text)
      VALUES ('delete', old.id, old.headings, old.text);
    END""",
    """CREATE TABLE batches (
      id TEXT PRIMARY KEY,
      store_id TEXT NOT NULL REFERENCES stores ON DELETE CASCADE,
      created_at INTEGER NOT NULL,
      cancelled INTEGER NOT NULL
    )""",
    "CREATE INDEX batches_of_stores ON batches (store_id)",
    # Where deleted things stood in their lists, for those who page through them.
    """CREATE TABLE departed (
      kind TEXT NOT NULL,
      store_id TEXT NOT NULL,
      id TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      place INTEGER NOT NULL,
      gone_at INTEGER NOT NULL,
      PRIMARY KEY (kind, store_id, id)
    ) WITHOUT ROWID""",
    """CREATE TABLE leases (
      name TEXT PRIMARY KEY,
      owner TEXT NOT NULL,
      ends_at INTEGER NOT NULL
    )""",
)

_FILES_OF_BATCHES = (
    # A file that is put in again belongs to several batches; the document knows the last.
    """CREATE TABLE batch_files (
      batch_id TEXT NOT NULL REFERENCES batches ON DELETE CASCADE,
      file_id TEXT NOT NULL,
      PRIMARY KEY (batch_id, file_id)
    ) WITHOUT ROWID""",
    """INSERT INTO batch_files (batch_id, file_id) SELECT b.id, d.id
      FROM documents d JOIN batches b ON b.id = d.batch_id AND b.store_id = d.store_id""",
)

STORE_MARK = 0xE000
"""With this letter, which no word of a question has, begins the word for a chunk's store."""

_STORES_IN_THE_INDEX = (
    "ALTER TABLE chunks ADD COLUMN store TEXT NOT NULL DEFAULT ''",
    f"""UPDATE chunks SET store = char({STORE_MARK}) || (
      SELECT s.place FROM documents d JOIN stores s ON s.id = d.store_id
      WHERE d.number = chunks.document
    )""",
    "DROP TRIGGER chunk_added",
    "DROP TRIGGER chunk_deleted",
    "DROP TABLE keywords",
    """CREATE VIRTUAL TABLE keywords USING fts5 (
      headings, text, store, content='chunks', content_rowid='id',
      tokenize='porter unicode61 remove_diacritics 2'
    )""",
    "INSERT INTO keywords (keywords, rank) VALUES ('rank', 'bm25(2.0, 1.0, 0.0)')",
    "INSERT INTO keywords (keywords) VALUES ('rebuild')",
    """CREATE TRIGGER chunk_added AFTER INSERT ON chunks BEGIN
      INSERT INTO keywords (rowid, headings, text, store)
      VALUES (new.id, new.headings, new.text, new.store);
    END""",
    """CREATE TRIGGER chunk_deleted AFTER DELETE ON chunks BEGIN
      INSERT INTO keywords (keywords, rowid, headings, text, store)
      VALUES ('delete', old.id, old.headings, old.text, old.store);
    END""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _FILES_OF_BATCHES, _STORES_IN_THE_INDEX)
