"""What `voice demo` and `voice ask` show of a conversation."""

from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from voice.cli.caller import Event

SESSION: dict[str, object] = {
    "include": ["response.timings"],
    "audio": {"input": {"transcription": {"model": "whisper-1"}}},
}
"""What the commands ask of a session: to see what was understood, and how long each stage took."""

STAGES = {
    "end_of_turn_ms": "wait for the end of the turn",
    "stt_ms": "speech-to-text",
    "llm_ms": "model",
    "tts_ms": "speech",
    "total_ms": "first audio after",
}


@dataclass(slots=True)
class Transcript:
    """Prints both sides of a conversation as they happen."""

    console: Console
    turns: int = 0
    answers: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def show(self, event: Event) -> None:
        match event["type"]:
            case "conversation.item.input_audio_transcription.completed":
                self.heard.append(event["transcript"])
                self._line("you", event["transcript"] or "(nothing understood)", "bold cyan")
            case "conversation.item.input_audio_transcription.failed":
                self._line("error", event["error"]["message"], "bold red")
            case "response.output_audio_transcript.done":
                self.answers.append(event["transcript"])
                self._line("voice", event["transcript"], "bold green")
            case "response.done":
                self._done(event["response"])
            case "error":
                self._line("error", event["error"]["message"], "bold red")

    def _line(self, who: str, what: str, style: str) -> None:
        self.console.print(Text.assemble((f"{who:>6}  ", style), what.strip()))

    def _done(self, response: Event) -> None:
        self.turns += 1
        if response["status"] == "cancelled":
            self._line("", "(interrupted)", "")
        elif response["status"] == "failed":
            self._line("error", response["status_details"]["error"]["message"], "bold red")
        timings = response.get("timings") or {}
        shown = [f"{name} {timings[key]} ms" for key, name in STAGES.items() if key in timings]
        if shown:
            self.console.print(Text(" " * 8 + " · ".join(shown), style="dim"))
