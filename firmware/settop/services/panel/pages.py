"""The panel's pages and what a stroke does on each: every way there is, and no other. docs/panel.md is checked against
it.

Kinds of a page: "menu", whose rows are ROWS; "list", whose rows come one by one, and lead to its one row of ROWS;
"wait", where something was asked and an outcome is awaited; "text", which is read. On a "list" and a "wait" OUTCOMES
count.

{NAME} stands for a value of what was chosen (FIELDS, by what fills the list), in headings and in console words.
"""

# (page, kind, heading, page behind it, what is told above its rows, what fills it, words for who leaves it early)
PAGES = (
    ("home", "menu", "ringcast", "", "", "", ""),
    ("titles", "list", "Titles", "home", "", "titles", ""),
    ("title", "menu", "{name}", "titles", "right", "", ""),
    ("playing", "menu", "Playing", "home", "sound", "", ""),
    ("way", "menu", "Copy it how?", "title", "docked", "", ""),
    ("shop", "menu", "Shop", "home", "", "", ""),
    ("asking", "wait", "Shop", "shop", "errand", "", "shop cancel"),
    ("tastes", "list", "Tastes", "shop", "", "shop_taste", "shop cancel"),
    ("catalogue", "list", "Catalogue", "shop", "", "shop_title", "shop cancel"),
    ("ware", "menu", "{name}", "catalogue", "price", "", ""),
    ("sure", "menu", "{name}", "ware", "price", "", ""),
    ("offers", "list", "{name}", "ware", "", "shop_offer", "shop cancel"),
    ("rent", "menu", "{name}", "offers", "rent", "", ""),
    ("buying", "wait", "{name}", "ware", "errand", "", ""),
    ("bought", "menu", "{name}", "catalogue", "is yours", "", ""),
    ("download", "wait", "Download", "shop", "download", "", ""),
    ("player", "menu", "Player", "home", "docked", "", ""),
    ("copies", "list", "Copies", "player", "", "copy", ""),
    ("copy", "menu", "{name}", "copies", "copied how", "", ""),
    ("delete", "menu", "Delete {name}?", "copy", "", "", ""),
    ("deleting", "wait", "Player", "player", "docked", "", ""),
    ("transfer", "wait", "Copy to player", "player", "transfer", "", ""),
    ("said", "text", "", "", "", "", ""),
)

# (page, text of the row, where it is there: a service that runs, or a name of Panel.holds, what is said on the console,
# page then; "-" for the page behind)
ROWS = (
    ("home", "Titles", "titles", "", "titles"),
    ("home", "Playing", "titles", "", "playing"),
    ("home", "Shop", "shop", "", "shop"),
    ("home", "Player", "dock", "", "player"),
    ("titles", "", "", "", "title"),
    ("title", "Play", "copy", "hear {id}", "playing"),
    ("title", "Play", "file", "play {id}", "playing"),
    ("title", "Copy to player", "dock", "", "way"),
    ("playing", "Pause", "plays", "pause", "playing"),
    ("playing", "Resume", "paused", "resume", "playing"),
    ("playing", "Stop", "sounds", "stop", "playing"),
    ("way", "As bought", "", "transfer {id} bought", "transfer"),
    ("way", "Key of its own", "", "transfer {id} own", "transfer"),
    ("way", "Every tenth octet", "", "transfer {id} tenth", "transfer"),
    ("shop", "Balance", "", "shop balance", "asking"),
    ("shop", "Catalogue", "", "shop list", "catalogue"),
    ("shop", "By taste", "", "shop tastes", "tastes"),
    ("shop", "Download", "at work", "", "download"),
    ("shop", "Bring my keys", "", "shop restore", "asking"),
    ("shop", "My players", "dock", "shop household", "asking"),
    ("tastes", "", "", "shop list {taste}", "catalogue"),
    ("catalogue", "", "", "", "ware"),
    ("ware", "Buy", "for sale", "", "sure"),
    ("ware", "Rent", "for sale", "shop offers {title}", "offers"),
    ("ware", "Download", "bought", "shop download {title}", "download"),
    ("ware", "Bring the key", "bought", "shop buy {title} {price}", "buying"),
    ("sure", "No", "", "", "-"),
    ("sure", "Yes, for {price}", "", "shop buy {title} {price}", "buying"),
    ("offers", "", "", "", "rent"),
    ("rent", "No", "", "", "-"),
    ("rent", "Yes, for {cost}", "", "shop rent {title} {offer} {cost}", "buying"),
    ("bought", "Download", "", "shop download {title}", "download"),
    ("download", "Stop", "at work", "shop cancel", "shop"),
    ("player", "What it has", "here", "copies", "copies"),
    ("player", "Copy under way", "copying", "", "transfer"),
    ("copies", "", "", "", "copy"),
    ("copy", "Delete there", "", "", "delete"),
    ("delete", "No", "", "", "-"),
    ("delete", "Yes", "", "remove {id}", "deleting"),
    ("transfer", "Stop", "copying", "transfer stop", "player"),
)

# What fills a list, and names of what comes with each row of it. Those of an event are the event's own.
FIELDS = (
    ("titles", ("name", "id", "copy")),
    ("shop_taste", ("taste", "price")),
    ("shop_title", ("name", "title", "price", "bought")),
    ("shop_offer", ("term", "offer", "cost")),
    ("copy", ("name", "id", "how")),
)

# (event, page that waits for it or "" for any, page then: "" stays, what is told there: TEXT is the event's own)
OUTCOMES = (
    ("shop_balance", "asking", "said", "Balance: {units} units"),
    ("shop_household", "asking", "said", "The list of players is the newest."),
    ("shop_right", "asking", "", ""),
    ("shop_listed", "asking", "said", "{count} keys were brought."),
    ("shop_listed", "", "", "all"),
    ("copies", "copies", "", "all"),
    ("shop_bought", "buying", "bought", ""),
    ("shop_downloaded", "download", "said", "The title is here."),
    ("removed", "deleting", "said", "The copy is deleted."),
    ("transferred", "transfer", "said", "The copy is on the player."),
    ("transfer_failed", "transfer", "said", "TEXT"),
    ("shop_refused", "", "said", "TEXT"),
    ("shop_failed", "", "said", "TEXT"),
    ("player_lost", "copies", "said", "The player is gone."),
    ("player_lost", "deleting", "said", "The player is gone."),
    ("error", "", "said", "TEXT"),
)

# What a stroke does on a page of that kind: the method of Panel.
STROKES = (
    ("menu", "up", "_up"),
    ("menu", "down", "_down"),
    ("menu", "ok", "_choose"),
    ("menu", "back", "_leave"),
    ("list", "up", "_up"),
    ("list", "down", "_down"),
    ("list", "ok", "_choose"),
    ("list", "back", "_leave"),
    ("wait", "up", "_up"),
    ("wait", "down", "_down"),
    ("wait", "ok", "_choose"),
    ("wait", "back", "_leave"),
    ("text", "up", "_up"),
    ("text", "down", "_down"),
    ("text", "ok", "_leave"),
    ("text", "back", "_leave"),
)


def page_of(name):
    """The row of PAGES."""
    for page in PAGES:
        if page[0] == name:
            return page
    raise ValueError(name)


def fields_of(fill):
    """The names of FIELDS."""
    for name, fields in FIELDS:
        if name == fill:
            return fields
    return ()
