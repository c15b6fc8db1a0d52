"""An engine that gives whole transcripts, with all that an engine may know."""

from voice.engines.fakes import FakeSpeechToText
from voice.engines.protocols import Transcript


class Scripted(FakeSpeechToText):
    """Gives these transcripts, one for each stretch, and after the last nothing."""

    accepts = frozenset({"logprobs"})

    def __init__(self, *transcripts: Transcript) -> None:
        super().__init__()
        self.transcripts = iter(transcripts)

    def listen(self, options):
        utterance = super().listen(options)

        async def transcript():
            return next(self.transcripts, Transcript(text=""))

        utterance.transcript = transcript
        return utterance
