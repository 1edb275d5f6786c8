"""Why a terminal's picture is dark: the cause in DARK, in its word on the console, and in a sentence."""

CLEAR = 0
NO_STREAM = 1
NO_PAT = 2
NO_PMT = 3
NOT_OURS = 4
NO_ECM = 5
NO_KEY = 6
WRONG_PARITY = 7
WRONG_KEY = 8
NOTHING_SCRAMBLED = 9

WORDS = (
    "none",
    "no_stream",
    "no_pat",
    "no_pmt",
    "not_ours",
    "no_ecm",
    "no_key",
    "wrong_parity",
    "wrong_key",
    "nothing_scrambled",
)

TEXTS = (
    "the picture is clear",
    "the tuner brings no transport stream",
    "the stream has no programme table (PAT)",
    "no programme map (PMT) comes for a programme of the PAT",
    "no programme has a descriptor of our CA system",
    "no ECM comes that says which portion is on air",
    "there is no key for the portion on air",
    "packets are scrambled with a parity that no key fits",
    "the key does not open what is on air",
    "the programme's streams bring nothing scrambled",
)

# A terminal says DARK when what it has keys for has stayed dark for as long as so many portions, or for so long.
PAID_DARK_PORTIONS = 2
PAID_DARK_MS = 10000
