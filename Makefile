# Two commands matter: `make demo` and `make test`. Both install what they need, or say what to install.

# How long `make fuzz` stays with each target: `make fuzz SECONDS=600`.
SECONDS = 60

.PHONY: help demo demo-up test lint bench fuzz data

help:            ## This list
	@grep -hE '^[a-z-]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/'

demo:            ## A real application behind the gate, visitors played, decisions shown
	@tests/setup build apps browser
	@cargo build --locked
	@tests/apps/demo play

demo-up:         ## The same two programs, left running for a look
	@tests/setup build apps browser
	@cargo build --locked
	@tests/apps/demo up

test:            ## Unit, integration, browser and editor tests
	@tests/setup build apps browser editor
	cargo test --locked --lib --tests
	cargo test --locked --no-default-features --lib
	tests/editor/run

lint:            ## Formatting, clippy, licences, documentation
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check licenses bans sources
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

bench:           ## Engine and capture benches, instruction counts, the whole proxy beside a bare one
	@tests/setup build load
	cargo bench --locked
	benches/instructions/run
	benches/load/run

fuzz:            ## Every parser against hostile bytes and other people's parsers; needs a nightly toolchain
	@tests/setup build
	@command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	@cargo +nightly --version >/dev/null || { echo "Fuzzing needs: rustup toolchain install nightly" >&2; exit 1; }
	fuzz/run $(SECONDS)

data:            ## Rebuild the embedded data from the packages named in it
	conf/data/rebuild
