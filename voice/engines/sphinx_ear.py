"""Two decoders on the same speech, one for general English and one for the documents.

General English knows everything a little; the documents' model knows what is likely to be asked.
Their scores are likelihoods of the same sounds, so the better one is believed.
"""

from voice.engines.sphinx_model import Heard, Hypothesis, SphinxModel, hypothesis

BYTES_PER_S = 32_000
ENOUGH_S = 1.0
"""How much speech it takes to know its loudness and microphone: decoding starts when it is there."""
MEASURED_S = 8.0
AGAIN_S = 6.0
"""Up to this length the documents' model hears a stretch again, whole, when it has ended."""
CLEAR = 0.03
"""A lead in score that hearing again does not turn."""


class Ear:
    """Hears one stretch of speech at a time, 16 kHz int16 mono PCM; 66 MB of memory."""

    def __init__(self, model: SphinxModel) -> None:
        self._model = model
        self._general = model.general()
        self._decoding = False
        self._learn()
        self.start()

    def _learn(self) -> None:
        # Passes at the end would be in vain: it only leads until the stretch is heard again.
        self._quick = self._model.domain(fwdflat=False, bestpath=False)
        self._decoders = (self._quick, self._general) if self._model.focused else (self._general,)
        self._generation = self._model.generation

    def start(self) -> None:
        """Forget what was heard; a new stretch begins."""
        self.audio = bytearray()
        self._begun = False

    def hear(self, pcm: bytes) -> None:
        self.audio += pcm
        if self._begun:
            self._decode(pcm)
        elif len(self.audio) >= ENOUGH_S * BYTES_PER_S:
            self._begin()

    def so_far(self) -> tuple[Heard, ...]:
        """The words of the stretch while it goes on."""
        return max(self._hypotheses()).words if self._begun else ()

    def finish(self) -> tuple[Heard, ...]:
        """The words of the stretch, which has ended; `start` comes next."""
        if not self._begun:
            self._begin()
        domain, general = self._hypotheses()
        domain_leads = domain.score > general.score + CLEAR
        general_leads = general.score > domain.score + CLEAR
        if self._model.focused and not general_leads and len(self.audio) <= AGAIN_S * BYTES_PER_S:
            domain = self._whole()
        if not domain_leads:
            self._end()
            general = hypothesis(self._general)
        return max(domain, general).words

    def _begin(self) -> None:
        self._end()
        if self._generation != self._model.generation:
            self._learn()
        mean = self._mean()
        for decoder in self._decoders:
            decoder.set_cmn(mean)
            decoder.start_utt()
        self._begun = self._decoding = True
        self._decode(bytes(self.audio))

    def _decode(self, pcm: bytes) -> None:
        for decoder in self._decoders:
            decoder.process_raw(pcm)

    def _end(self) -> None:
        if self._decoding:
            for decoder in self._decoders:
                decoder.end_utt()
            self._decoding = False

    def _hypotheses(self) -> tuple[Hypothesis, Hypothesis]:
        domain = hypothesis(self._quick) if self._model.focused else Hypothesis()
        return domain, hypothesis(self._general)

    def _whole(self) -> Hypothesis:
        whole = self._model.whole
        whole.start_utt()
        whole.process_raw(bytes(self.audio), full_utt=True)
        whole.end_utt()
        return hypothesis(whole)

    def _mean(self) -> str:
        """The mean of the cepstrum: with that of other speech there are twice as many errors."""
        meter = self._model.whole
        meter.start_utt()
        measured = bytes(self.audio[: int(MEASURED_S * BYTES_PER_S)])
        meter.process_raw(measured, no_search=True, full_utt=True)
        meter.end_utt()
        mean: str = meter.get_cmn(False)
        return mean
