"""The live blog: coverage in updates, each change numbered by the blog's revision."""
