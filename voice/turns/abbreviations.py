"""Abbreviations whose full stop may not end a sentence; lower case, without the last full stop."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _words(
    "mr mrs ms mx dr prof gov capt cpt sgt cmdr messrs e.g i.e eg ie cf viz vs approx ca incl excl"
    " frl dipl z.b d.h u.a z.t i.d.r o.ä bzw vgl sog ggf inkl exkl evtl mind tel"
    " mme mlle mm mgr p.ex par.ex"
    " sra srta sres dña ud uds vd vds lic ing p.ej aprox av avda"
    " sig.ra dott dott.ssa prof.ssa avv geom ad.es p.es"
    " exmo exma dra engº"
    " dhr mevr bijv d.w.z t.ex bl.a d.v.s f.eks bl.a"
    " tzw tzn prof ul hab inż"
    " т.е см напр г-н г-жа ул пр акад проф"
    " κ κα δρ π.χ δηλ"
)
"""Something always follows: a name, an example, a comparison."""

NUMBERED = _words(
    "no nos nr núm num n nº p pp pg fig figs eq eqs sec ch vol vols art ex para par abs kap abb bd"
    " s tab app apt rm ext кв рис стр ст гл"
)
"""Abbreviations only when a number follows: "No. 5", but "No. I did not."."""

CLOSING = _words("etc usw ect u.s.w т.д т.п др w.z.b.w enz osv itd itp")
"""End a sentence whenever a capital follows."""

OPEN = _words(
    "inc ltd co corp llc bros jr sr st ave blvd rd sq u.s u.k u.n u.s.a e.u d.c l.a n.y ph.d m.d b.a"
    " m.a b.sc m.sc est jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs"
    " fri sat sun gmbh e.v r.i.p ee.uu a.m p.m b.c.e c.e b.c gen sen rep hr mm ft mt max min arch"
    " col al lt maj hon adm rev fr resp dept univ str v sig env np"
)
"""End a sentence only where the next word is one that opens sentences."""

STARTERS = _words(
    "the a an it he she i we they you this that these those there here in on at for if when while"
    " but and so or yet however then what how why who where which my our your his her its their as"
    " after before since to from with by all some many most no not yes let please it's i'm that's"
    " der die das den es er sie wir ich ihr ein eine einen und aber doch wenn als im am in auf mit"
    " für wie was wo wer man danach dann heute"
    " le la les l'un il elle on nous vous je ils un une et mais c'est ce cette dans en pour avec"
    " el los las lo yo un una y pero es este esta en con por para si no"
    " gli lo è e ma io noi il una questo questa o os as um uma mas ele ela eu isso este"
)
"""Words that, with a capital, open a sentence more often than they are a name."""

ORDINAL_LANGUAGES = _words("de da nb nn no fi cs sk pl hu hr sl sr et lv tr is")
"""Write "3." for "third"."""
