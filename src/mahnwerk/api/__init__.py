"""What other systems and payers reach by HTTP: webhooks, pay pages. It calls use cases, decides nothing."""
