"""Operations: the page /ops/, and the probe of workers that a release uses."""
