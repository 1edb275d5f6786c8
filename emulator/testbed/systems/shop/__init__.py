"""The shop and portable players on the bench: `bench` puts them together, `story` is what `shop demo` plays."""
