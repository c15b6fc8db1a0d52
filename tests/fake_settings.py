"""The variables of a server that has nothing but fakes."""

FAKES = {
    "ENGINES__STT": "fake",
    "ENGINES__LLM": "fake",
    "ENGINES__TTS": "fake",
    "ENGINES__EMBED": "none",
}
