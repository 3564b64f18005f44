# `make run` runs the product, `make test` tests it; both set up what they need first.

.PHONY: run demo test lint bench screenshots clean

run:
	@deploy/install.sh
	@exec .venv/bin/python deploy/run.py

# The same, with the Apollo 11 landing replayed into the blog, two hours a minute.
demo:
	@deploy/install.sh
	@EXAMPLES=1 exec .venv/bin/python deploy/run.py 120

test: lint
	@tests/install.sh
	PYTHON=.venv/bin/python packages/channels-realtime/test-wheel.sh
	.venv/bin/python -m pytest -m alone
	.venv/bin/python -m pytest -m "not alone" -n 2 --dist loadfile --no-loadscope-reorder
	node --test tests/js/

lint:
	@deploy/install.sh --dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	@# mypy's Django plugin imports the settings, which want a data folder and a key.
	DATA_DIR=.mypy_cache/data SECRET_KEY="only for mypy, which imports settings" .venv/bin/mypy
	cd packages/channels-realtime && ../../.venv/bin/mypy

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
