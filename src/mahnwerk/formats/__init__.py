"""Files to frames and back. Bytes in, rows and rejects out; nothing is saved here."""
