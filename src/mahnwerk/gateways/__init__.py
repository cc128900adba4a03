"""The outside world, one module each: mail servers, files, providers."""
