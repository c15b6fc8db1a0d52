"""Those who answer requests in OpenAI's JSON: servers elsewhere, and the engines of this one."""
