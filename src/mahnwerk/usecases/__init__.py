"""The verbs. Each loads once, asks the kernel once, saves once."""
