"""What looks like a finding of one question, as of vary or seeds, and what tells the two apart."""

from __future__ import annotations

from collections.abc import Mapping

from reproaudit.knowledge.traits import Lookalike

OF_QUESTIONS: Mapping[str, tuple[Lookalike, ...]] = {
    "RA600": (
        Lookalike(
            "RA301",
            "The moment decides there: runs one after the other differ in one time zone.",
        ),
        Lookalike(
            "RA602",
            "Another part of the surroundings decides there; the time zone is a variable of the "
            "environment too.",
        ),
    ),
    "RA601": (
        Lookalike(
            "RA401",
            "Runs differ there with nothing varied.",
        ),
        Lookalike(
            "RA605",
            "The number of rows is what was varied there.",
        ),
        Lookalike(
            "RA404",
            "Another kernel may leave another part of its output unwritten: values that are far "
            "apart are no rounding.",
        ),
    ),
    "RA602": (
        Lookalike(
            "RA600",
            "The time zone alone decides there.",
        ),
        Lookalike(
            "RA303",
            "What decides there is a file that an earlier run has left, and not where it would "
            "lie.",
        ),
        Lookalike(
            "RA203",
            "The folder is the same there, and the order in which it is listed is not.",
        ),
    ),
    "RA603": (
        Lookalike(
            "RA103",
            "Runs with the same number of workers differ there.",
        ),
        Lookalike(
            "RA201",
            "Batches come in another order there; here the samples themselves, or the noise on "
            "them, are others.",
        ),
        Lookalike(
            "RA501",
            "Workers draw alike there, with any number of them.",
        ),
    ),
    "RA604": (
        Lookalike(
            "RA605",
            "Parts of a batch are rounded otherwise than the whole there: that is documented, "
            "and a few units in the last place.",
        ),
        Lookalike(
            "RA606",
            "Asked of answers, not of a training step: the content of other rows decides.",
        ),
    ),
    "RA605": (
        Lookalike(
            "RA606",
            "Rows at equal shapes depend on what their neighbours hold there. No order of a sum "
            "explains that.",
        ),
        Lookalike(
            "RA609",
            "Answers are further apart there than another order of sums makes them.",
        ),
        Lookalike(
            "RA401",
            "The same batch gives different answers there when it is asked twice.",
        ),
    ),
    "RA606": (
        Lookalike(
            "RA605",
            "The size of the batch decides there, and not what the other rows hold.",
        ),
        Lookalike(
            "RA607",
            "What fills rows up decides there, within a row; here it is other rows.",
        ),
        Lookalike(
            "RA608",
            "A draw for the batch as a whole decides there: without draws, rows are equal.",
        ),
    ),
    "RA607": (
        Lookalike(
            "RA606",
            "Other rows decide there, whatever the padding holds.",
        ),
        Lookalike(
            "RA609",
            "How long the padding is decides there, and not what it holds.",
        ),
    ),
    "RA608": (
        Lookalike(
            "RA606",
            "Rows are mixed there by an operator that draws nothing.",
        ),
        Lookalike(
            "RA101",
            "The same batch differs from run to run there; here a seed before each call makes "
            "it the same, and another batch still gets other numbers.",
        ),
    ),
    "RA609": (
        Lookalike(
            "RA605",
            "Rounding stays within a few units in the last place of the numbers that were added "
            "up.",
        ),
        Lookalike(
            "RA606",
            "Neighbours of other content change the answers there at equal shapes; here the "
            "shape does.",
        ),
        Lookalike(
            "RA607",
            "Padding of other content changes the answers there at equal shapes.",
        ),
    ),
    "RA610": (
        Lookalike(
            "RA611",
            "The run goes on at the right step there, and lacks something.",
        ),
        Lookalike(
            "RA303",
            "A run that was to start anew goes on there, because it found a checkpoint.",
        ),
    ),
    "RA611": (
        Lookalike(
            "RA612",
            "Batches differ there already, before anything is computed of them.",
        ),
        Lookalike(
            "RA613",
            "Batches are equal there, and dropout or augmentation is not.",
        ),
        Lookalike(
            "RA401",
            "A kernel that differs makes the resumed run differ as well: two uninterrupted runs "
            "are compared first for that reason.",
        ),
    ),
    "RA612": (
        Lookalike(
            "RA613",
            "A shuffle that begins elsewhere in a random stream gives other batches too: with "
            "the stream's state restored at the right moment, batches are equal.",
        ),
        Lookalike(
            "RA611",
            "Batches are equal there.",
        ),
    ),
    "RA613": (
        Lookalike(
            "RA612",
            "The position in the data is lost there, and random streams are in place.",
        ),
        Lookalike(
            "RA611",
            "Nothing that is drawn differs there.",
        ),
        Lookalike(
            "RA101",
            "Two uninterrupted runs differ there already.",
        ),
    ),
    "RA620": (
        Lookalike(
            "RA621",
            "The seed is set there, and set again with a constant.",
        ),
        Lookalike(
            "RA625",
            "One generator has a constant seed there, and others follow.",
        ),
    ),
    "RA621": (
        Lookalike(
            "RA620",
            "No call is given the program's seed there.",
        ),
        Lookalike(
            "RA622",
            "The last seeding follows the seed there, and comes after draws.",
        ),
    ),
    "RA622": (
        Lookalike(
            "RA624",
            "No seeding reaches the stream there, early or late.",
        ),
        Lookalike(
            "RA503",
            "The same, seen by an audit that knows nothing of the program's seed.",
        ),
    ),
    "RA623": (
        Lookalike(
            "RA620",
            "Every seed is ignored there, and not 0 alone.",
        ),
        Lookalike(
            "RA624",
            "A stream is without a seed there whatever the seed is.",
        ),
    ),
    "RA624": (
        Lookalike(
            "RA625",
            "What is drawn is the same in each run there, under every seed; here it is another "
            "each time.",
        ),
        Lookalike(
            "RA622",
            "The stream is seeded there, after it was drawn from.",
        ),
        Lookalike(
            "RA101",
            "The same, seen by an audit: it says that runs differ, and this what the seed does "
            "not reach.",
        ),
    ),
    "RA625": (
        Lookalike(
            "RA624",
            "No seed at all there: two runs under one seed differ.",
        ),
        Lookalike(
            "RA626",
            "The constant is a library's own there.",
        ),
        Lookalike(
            "a split that is meant to stay",
            "Data that is made or split once before training may well be the same under every "
            "seed, and is no finding.",
        ),
    ),
    "RA626": (
        Lookalike(
            "RA625",
            "The constant stands in the program itself there.",
        ),
        Lookalike(
            "RA621",
            "A library seeds a global stream there, after the program did.",
        ),
    ),
    "RA627": (
        Lookalike(
            "RA501",
            "Workers draw the same as each other there. Seeded by their number they do not, and "
            "follow no seed all the same.",
        ),
        Lookalike(
            "RA103",
            "Runs under one seed differ there.",
        ),
    ),
    "RA628": (
        Lookalike(
            "RA620",
            "The seed does too little there, and too much here.",
        ),
        Lookalike(
            "RA401",
            "Runs under one seed differ there: that is asked first, by two runs of it.",
        ),
    ),
}
