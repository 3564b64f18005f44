# `make run` runs the product, `make test` tests it; both set up what they need first.

.PHONY: run demo test nightly test-alone test-matrix test-package test-scripts matrix lint audit bench screenshots clean

run:
	@deploy/install.sh
	@exec .venv/bin/python deploy/run.py

# The same, with the Apollo 11 landing replayed into the blog, two hours a minute.
demo:
	@deploy/install.sh
	@EXAMPLES=1 exec .venv/bin/python deploy/run.py 120

# Each of the first stages waits more than it computes, and none of them has a browser, which would
# notice what the tests marked `alone` do to the network. Their output appears as each one ends.
test:
	@deploy/install.sh --dev
	@tests/install.sh
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target lint test-package test-matrix test-scripts
	.venv/bin/python -m pytest -m "not alone and not nightly" -n 3 --dist loadfile --no-loadscope-reorder

# What takes too long for every change.
nightly:
	@deploy/install.sh --dev
	@tests/install.sh
	.venv/bin/python -m pytest -m nightly
	.venv/bin/python packages/channels-realtime/matrix.py --lowest

test-package:
	PYTHON=.venv/bin/python packages/channels-realtime/test-wheel.sh

test-matrix: test-alone
	.venv/bin/python packages/channels-realtime/matrix.py --diagonal

test-alone:
	.venv/bin/python -m pytest -m alone

test-scripts:
	node --test tests/js/

# The package on every Django and Python that it names, as far as the machine has them.
matrix:
	@deploy/install.sh --dev
	@tests/install.sh
	.venv/bin/python packages/channels-realtime/matrix.py

lint:
	@deploy/install.sh --dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	@# mypy's Django plugin imports the settings, which want a data folder and a key.
	DATA_DIR=.mypy_cache/data SECRET_KEY="only for mypy, which imports settings" .venv/bin/mypy
	cd packages/channels-realtime && ../../.venv/bin/mypy

# The known vulnerabilities of the pinned packages.
audit:
	@deploy/install.sh
	@deploy/supply/audit.sh

bench:
	@deploy/install.sh --dev
	@exec .venv/bin/python -m bench

# The pictures of docs/, taken from the running product.
screenshots:
	@deploy/install.sh --dev
	@tests/install.sh
	@.venv/bin/python -m deploy.screenshots

clean:
	rm -rf .venv
