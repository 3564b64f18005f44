"""The systems that the product is measured against, each as its own documentation builds it."""
