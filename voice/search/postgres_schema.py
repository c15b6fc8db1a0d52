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

MIGRATIONS: tuple[str, ...] = (_FIRST,)

EMBEDDINGS = """
CREATE TABLE IF NOT EXISTS embeddings (
  chunk BIGINT PRIMARY KEY,
  document BIGINT NOT NULL REFERENCES vectors ON DELETE CASCADE,
  embedding vector NOT NULL
);
CREATE INDEX IF NOT EXISTS embeddings_of_documents ON embeddings (document);
"""
"""A copy of the vectors that pgvector can search."""
