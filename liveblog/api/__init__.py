"""The token API and its OpenAPI document."""
