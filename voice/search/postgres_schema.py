"""The tables in PostgreSQL, as the steps that made them: the first makes version 1, and so on."""

_FIRST = """
CREATE TABLE clock (revision BIGINT NOT NULL);
INSERT INTO clock VALUES (0);

CREATE TABLE stores (
  id TEXT PRIMARY KEY,
  place BIGINT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_active_at BIGINT NOT NULL,
  expires_after_days BIGINT,
  embedder TEXT NOT NULL DEFAULT '',
  dimensions INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX stores_listed ON stores (created_at, place);

CREATE TABLE files (
  id TEXT PRIMARY KEY,
  place BIGINT NOT NULL,
  filename TEXT NOT NULL,
  purpose TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT
);
CREATE UNIQUE INDEX files_listed ON files (created_at, place);

CREATE TABLE documents (
  number BIGINT PRIMARY KEY,
  place BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  embedded BOOLEAN NOT NULL,
  id TEXT NOT NULL,
  store_id TEXT NOT NULL REFERENCES stores ON DELETE CASCADE,
  name TEXT NOT NULL,
  path TEXT COLLATE "C" NOT NULL,
  title TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  modified_ns BIGINT NOT NULL,
  attributes TEXT NOT NULL,
  max_tokens INTEGER NOT NULL,
  overlap_tokens INTEGER NOT NULL,
  status TEXT NOT NULL,
  failure_code TEXT NOT NULL,
  failure_message TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  chunk_count INTEGER NOT NULL,
  batch_id TEXT NOT NULL,
  UNIQUE (store_id, id)
);
CREATE UNIQUE INDEX documents_by_path ON documents (store_id, path) WHERE path <> '';
CREATE UNIQUE INDEX documents_listed ON documents (store_id, created_at, place);
CREATE INDEX documents_changed ON documents (store_id, revision);
CREATE INDEX documents_embedded ON documents (store_id) WHERE embedded;
CREATE INDEX documents_of_files ON documents (id);
CREATE INDEX documents_of_batches ON documents (store_id, batch_id) WHERE batch_id <> '';

-- The same as in documents.attributes, one a row and by type, for filters. Texts are ordered by
-- their code points, as everywhere else.
CREATE TABLE attributes (
  document BIGINT NOT NULL REFERENCES documents ON DELETE CASCADE,
  key TEXT COLLATE "C" NOT NULL,
  text TEXT COLLATE "C",
  amount DOUBLE PRECISION,
  flag BOOLEAN,
  PRIMARY KEY (document, key)
);

-- Words by their stems, of which none is left out: a question knows itself what it is about.
CREATE TEXT SEARCH DICTIONARY stems (TEMPLATE = pg_catalog.snowball, LANGUAGE = english);
CREATE TEXT SEARCH CONFIGURATION words (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING
  FOR asciiword, asciihword, hword_asciipart, word, hword, hword_part WITH stems;

CREATE TABLE chunks (
  id BIGINT PRIMARY KEY,
  document BIGINT NOT NULL REFERENCES documents ON DELETE CASCADE,
  start_at BIGINT NOT NULL,
  end_at BIGINT NOT NULL,
  headings TEXT NOT NULL,
  text TEXT NOT NULL,
  terms TSVECTOR NOT NULL
);
CREATE INDEX chunks_of_documents ON chunks (document);
-- Without a list of what is still to be sorted in, which each search would have to go through.
CREATE INDEX chunks_by_terms ON chunks USING gin (terms) WITH (fastupdate = off);

CREATE TABLE vectors (
  document BIGINT PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
  vectors BYTEA NOT NULL
);
-- Vectors cannot be compressed; do not try.
ALTER TABLE vectors ALTER COLUMN vectors SET STORAGE EXTERNAL;

CREATE TABLE batches (
  id TEXT PRIMARY KEY,
  store_id TEXT NOT NULL REFERENCES stores ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  cancelled BOOLEAN NOT NULL
);
CREATE INDEX batches_of_stores ON batches (store_id);

-- Where deleted things stood in their lists, for those who page through them.
CREATE TABLE departed (
  kind TEXT NOT NULL,
  store_id TEXT NOT NULL,
  id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  place BIGINT NOT NULL,
  gone_at BIGINT NOT NULL,
  PRIMARY KEY (kind, store_id, id)
);

CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  ends_at BIGINT NOT NULL
);
"""

_FILES_OF_BATCHES = """
-- A file that is put in again belongs to several batches; the document knows the last.
CREATE TABLE batch_files (
  batch_id TEXT NOT NULL REFERENCES batches ON DELETE CASCADE,
  file_id TEXT NOT NULL,
  PRIMARY KEY (batch_id, file_id)
);
INSERT INTO batch_files (batch_id, file_id) SELECT b.id, d.id
  FROM documents d JOIN batches b ON b.id = d.batch_id AND b.store_id = d.store_id;
"""

_LONG_PATHS = """
-- Paths may be longer than a sorted index takes. That a store has each once the writers see to, of
-- whom there is one at a time.
DROP INDEX documents_by_path;
CREATE INDEX documents_by_path ON documents USING hash (path) WHERE path <> '';
"""

_IDENTITY = """
-- By which what lies outside, as the bytes of files, is told from that of other databases.
CREATE TABLE identity (id TEXT NOT NULL);
INSERT INTO identity VALUES (gen_random_uuid()::text);
"""

STORE_MARK = "#"
"""With this, which no word has, begins the term for a chunk's store."""

_STORES_IN_THE_INDEX = f"""
UPDATE chunks c SET terms = c.terms || array_to_tsvector(ARRAY['{STORE_MARK}' || s.place])
  FROM documents d JOIN stores s ON s.id = d.store_id WHERE d.number = c.document;
"""

MIGRATIONS: tuple[str, ...] = (
    _FIRST,
    _FILES_OF_BATCHES,
    _LONG_PATHS,
    _IDENTITY,
    _STORES_IN_THE_INDEX,
)

EMBEDDINGS = """
CREATE TABLE IF NOT EXISTS embeddings (
  chunk BIGINT PRIMARY KEY,
  document BIGINT NOT NULL REFERENCES vectors ON DELETE CASCADE,
  embedding vector NOT NULL
);
CREATE INDEX IF NOT EXISTS embeddings_of_documents ON embeddings (document);
"""
"""A copy of the vectors that pgvector can search."""
