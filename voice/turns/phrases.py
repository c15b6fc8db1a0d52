"""Words that tell whether a speaker has finished, by language; lower case, without punctuation."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILLERS = {
    "": _words("uh uhm uhh um umm er erm hm hmm hmmm mm mmm eh ehm"),
    "en": _words("ah like"),
    "de": _words("äh ähm öh naja also"),
    "fr": _words("euh heu ben bah hum"),
    "es": _words("em este pues"),
    "it": _words("beh cioè"),
    "pt": _words("ah hum ãh tipo"),
    "ja": _words("えっと えーと あの"),
    "zh": _words("嗯 呃 那个"),
}
"""Sounds that keep the floor; the empty language belongs to all."""

HANGING_ENDS = {
    "en": _words(
        "a an the and or but nor so because cause if unless until while when whereas although though"
        " than as that which who whose where of into onto upon without within between among toward"
        " towards during against via per my your his our their its every each some any"
        " i we they he she im ive id ill were weve theyre is am are was be been being do does did"
        " has have had will would can could should shall may might must cant wont dont didnt doesnt"
        " isnt very really quite too just also about going gonna wanna let lets whats wheres hows"
    ),
    "de": _words(
        "der die das den dem des ein eine einen einem einer eines und oder aber sondern denn weil"
        " dass ob wenn als obwohl damit während bis ich wir du er mein meine meinen dein deine sein"
        " seine unser unsere ihr ihre von zu zum zur für mit bei nach über unter zwischen ohne gegen"
        " durch wegen im am vom beim ins kein keine keinen sehr ist sind war bin hat habe hast"
        " kann könnte möchte will soll muss wie"
    ),
    "fr": _words(
        "le la les l un une des du de d et ou mais donc car parce que qu si quand lorsque comme je j"
        " tu il elle on nous vous ils elles mon ma mes ton ta tes son sa ses notre votre leur leurs"
        " à au aux dans par pour sur sous avec sans chez entre vers ce cette ces est sont suis très"
        " ne n se s qui dont où"
    ),
    "es": _words(
        "el la los las un una unos unas y e o u pero sino porque que si cuando aunque mientras como"
        " yo mi mis tu tus su sus nuestro nuestra de del a al en con por para sin sobre entre hasta"
        " desde hacia es son está están muy quiero necesito"
    ),
    "it": _words(
        "il lo la i gli le un uno una e ed o ma però perché che se quando mentre come io mio mia miei"
        " tuo tua suo sua di del dello della dei degli delle a al allo alla ai agli alle da dal dalla"
        " in nel nella con per su sul sulla tra fra è sono molto voglio"
    ),
    "pt": _words(
        "o a os as um uma uns umas e ou mas porque que se quando embora enquanto como eu meu minha"
        " teu tua seu sua de do da dos das em no na nos nas com por pelo pela para pra sem sobre"
        " entre até é são está muito quero"
    ),
    "nl": _words(
        "de het een en of maar want omdat dat als wanneer terwijl hoewel ik wij we mijn jouw zijn"
        " haar ons onze hun van te voor met bij naar over onder tussen zonder tegen door is heel wil"
    ),
    "ru": _words(
        "и или но а что чтобы если когда потому как в на с к по из у о от для без мой моя я"
    ),
    "pl": _words("i lub ale że żeby jeśli kiedy bo ponieważ w na z do od dla bez po mój moja jest"),
    "sv": _words(
        "och eller men att om när som jag en ett den det i på av för med till från min mitt är"
    ),
}
"""Words after which more must come."""

DIGITS = _words("oh zero one two three four five six seven eight nine double triple")

PARTICLES = _words("on off in out up down over for with from to at by about through around")
PARTICLE_VERBS = _words(
    "turn switch put take log sign come go hold shut get pick wake call set cut sit stand stay move"
)

HANGING_PHRASES = {
    "en": (
        "i want", "i need", "i think", "i guess", "i mean", "you know", "kind of", "sort of",
        "would like", "tell me", "show me", "give me", "how many", "how much", "what kind",
        "as well as", "such as", "even if", "in order to", "i was wondering", "let me", "well",
        "can you", "could you", "would you", "will you", "do you", "did you", "if you", "when you",
    ),
    "de": ("ich glaube", "ich meine", "ich denke", "sag mir", "zeig mir", "wie viele", "zum beispiel"),
    "fr": ("je veux", "je pense", "je voudrais", "par exemple", "est ce", "dis moi"),
    "es": ("por ejemplo", "dime", "me gustaría", "creo", "o sea"),
    "it": ("vorrei", "per esempio", "dimmi", "penso"),
    "ja": ("けど", "から", "ので", "たら", "のは", "って", "は", "が", "を", "に", "で", "と", "の"),
    "zh": ("因为", "但是", "所以", "如果", "然后", "而且", "还有", "的话", "和", "跟", "在", "把"),
    "ko": ("그리고", "하지만", "그래서", "은", "는", "을", "를", "에서", "고"),
}  # fmt: skip
"""Ends of several words, or of a script without spaces, after which more must come."""

QUESTION_WORDS = {
    "en": _words(
        "what whats when where wheres who whos whom whose which why how hows is are do does did can"
        " could will would should have has"
    ),
    "de": _words(
        "was wann wo wer wen wem wie warum wieso welche welcher welches kannst können ist"
    ),
    "fr": _words("quoi quand où qui comment pourquoi quel quelle combien"),
    "es": _words("qué cuándo dónde quién cómo cuál cuánto"),
    "it": _words("cosa quando dove chi perché quale quanto"),
    "pt": _words("quando onde quem qual quanto"),
    "nl": _words("wat wanneer waar wie waarom hoe welke kun kan"),
}

ANSWERS = {
    "en": _words(
        "yes no yeah yep yup nope okay ok sure thanks you please right correct hello hi hey goodbye"
        " bye stop cancel continue exactly absolutely nothing never maybe"
    ),
    "de": _words("ja nein doch danke bitte okay genau stimmt richtig hallo tschüss stopp nichts"),
    "fr": _words("oui non si merci daccord bonjour salut exactement stop"),
    "es": _words("sí si no gracias vale claro hola adiós exacto"),
    "it": _words("sì si no grazie prego certo ciao esatto basta"),
    "pt": _words("sim não obrigado obrigada certo olá tchau exato"),
    "nl": _words("ja nee dank bedankt oké precies hallo doei stop"),
}
"""Last words of a short answer that needs no more."""

BACKCHANNELS: dict[str, tuple[str, ...]] = {
    "": ("mm-hm", "mm hmm", "mhm", "mhmm", "mmhm", "m-hm", "hm", "hmm", "hmmm", "mm", "mmm", "aha",
         "ah", "oh", "ooh", "uh-huh", "uhuh huh", "um-hum", "ok", "okay"),
    "en": ("yeah", "yep", "yup", "yes", "yea", "right", "sure", "i see", "got it", "gotcha", "wow",
           "cool", "nice", "great", "really", "oh really", "oh yeah", "all right", "alright",
           "of course", "huh", "true", "exactly", "interesting", "good", "fine", "makes sense"),
    "de": ("ja", "jaja", "jo", "genau", "klar", "ach so", "achso", "stimmt", "verstehe", "gut",
           "alles klar", "okey", "richtig", "echt", "aha"),
    "fr": ("oui", "ouais", "d'accord", "ah bon", "ah oui", "je vois", "bien sûr", "exactement",
           "tout à fait", "bien", "super"),
    "es": ("sí", "si", "vale", "claro", "ya", "ya veo", "ajá", "bueno", "bien", "exacto",
           "de acuerdo", "entiendo"),
    "it": ("sì", "si", "certo", "capisco", "ho capito", "va bene", "esatto", "giusto", "bene"),
    "pt": ("sim", "tá", "tá bom", "certo", "claro", "pois", "pois é", "entendi", "é", "beleza"),
    "nl": ("ja", "oké", "oke", "precies", "inderdaad", "goed", "klopt", "ik snap het"),
    "sv": ("ja", "jo", "jaha", "precis", "okej", "just det"),
    "pl": ("tak", "aha", "jasne", "dobrze", "rozumiem", "racja"),
    "ru": ("да", "ага", "угу", "ясно", "понятно", "хорошо", "ладно", "точно", "ок"),
    "tr": ("evet", "hı hı", "tamam", "anladım", "peki"),
    "hi": ("हाँ", "हां", "जी", "अच्छा", "ठीक है", "सही"),
    "ar": ("نعم", "أيوه", "طيب", "صح", "تمام", "حسنا"),
    "zh": ("嗯", "嗯嗯", "对", "对对", "好", "好的", "是", "是的", "哦", "明白", "没错", "當然", "對"),
    "ja": ("はい", "うん", "ええ", "そう", "そうですね", "そうですか", "なるほど", "へえ", "ああ"),
    "ko": ("네", "예", "응", "그래", "그래요", "맞아요", "아", "음", "그렇군요"),
}  # fmt: skip
"""What a listener says to show that he listens; the empty language belongs to all."""
