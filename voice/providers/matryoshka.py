"""Which embedding models were trained so that the beginning of a vector is a vector as well.

Of the others a part means nothing, and nobody would notice. The name is all there is to tell: no
file of a model says it.
"""

import re

_TRAINED = re.compile(
    r"text-embedding-3-|nomic-embed-text-v(1\.5|2)|mxbai-embed-large|qwen3-embedding|embeddinggemma"
    r"|snowflake-arctic-embed-(m-v1\.5|[ml]-v2)|jina-embeddings-v[3-5]",
    re.IGNORECASE,
)


def is_matryoshka(model: str) -> bool:
    return _TRAINED.search(model) is not None
