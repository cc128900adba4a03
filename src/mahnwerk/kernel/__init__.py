"""Pure decisions: frames and law in, frames out. No clock, no files, no network, no chance."""
