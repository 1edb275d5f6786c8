"""What systems share that are heard: tunes made for a run, and what came out of a decoder chip held against them."""
