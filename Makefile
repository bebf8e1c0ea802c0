# Two commands matter: `make demo` and `make test`. Both install what they need, or say what to install.

# How long `make fuzz` stays with each target: `make fuzz SECONDS=600`.
SECONDS = 60

# Where `make install` puts things; DESTDIR goes before all of it, for who builds packages.
PREFIX = /usr
SYSCONFDIR = /etc
UNITDIR = $(PREFIX)/lib/systemd/system

.PHONY: help demo demo-up test trials lint bench upgrade-test kill-test fuzz data generated install profiled deb deb-test

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

test:            ## Unit, integration, browser and editor tests, three examples before their applications
	@tests/setup build redis apps trials browser editor service
	cargo test --locked --lib --tests
	cargo test --locked --no-default-features --lib
	tests/editor/run
	@tests/apps/trials/run django spa woocommerce

trials:          ## Every file of conf/examples before its application, WordPress with MariaDB among them
	@tests/setup build trials wordpress
	@cargo build --locked
	@tests/apps/trials/run

lint:            ## Formatting, clippy, licences, documentation
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check licenses bans sources
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

bench:           ## Engine and capture benches, instruction counts, the whole proxy beside a bare one
	@tests/setup build redis load
	cargo bench --locked
	benches/instructions/run
	benches/load/run

upgrade-test:    ## The program replaced under 2,000 requests a second for a minute: nobody failed, nothing uncounted
	@tests/setup build
	TOLLGATE_UPGRADE_RATE=2000 TOLLGATE_UPGRADE_SECONDS=60 cargo test --locked --release --test it upgrade::load -- --nocapture

kill-test:       ## The program killed at 200 random moments under load: it starts, and knows what it promised
	@tests/setup build
	TOLLGATE_KILLS=200 cargo test --locked --release --test it kill:: -- --nocapture

fuzz:            ## Every parser against hostile bytes and other people's parsers; needs a nightly toolchain
	@tests/setup build
	@command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	@cargo +nightly --version >/dev/null || { echo "Fuzzing needs: rustup toolchain install nightly" >&2; exit 1; }
	fuzz/run $(SECONDS)

data:            ## Rebuild the embedded data from the packages named in it
	conf/data/rebuild
	conf/data/simulate/rebuild

target/release/tollgate: $(shell find src conf/data -type f 2>/dev/null) Cargo.toml Cargo.lock
	@tests/setup build
	cargo build --release --locked

profiled:        ## target/release/tollgate by a profile of its own work, as the package has it: two builds
	@tests/setup build redis profile
	benches/profile/build

# Manual pages and completions, from the program itself.
generated: target/release/tollgate
	@rm -rf target/package && mkdir -p target/package
	@target/release/tollgate man --directory target/package/man
	@for shell in bash zsh fish; do target/release/tollgate completions $$shell > target/package/tollgate.$$shell; done

install: generated ## The program, its unit, configuration, manual pages and completions; as root, or with DESTDIR=
	install -D -m 755 target/release/tollgate $(DESTDIR)$(PREFIX)/bin/tollgate
	install -D -m 644 systemd/tollgate.service $(DESTDIR)$(UNITDIR)/tollgate.service
	sed -i 's|/usr/bin/tollgate|$(PREFIX)/bin/tollgate|; s|/etc/tollgate/|$(SYSCONFDIR)/tollgate/|' $(DESTDIR)$(UNITDIR)/tollgate.service
	install -D -m 644 conf/schema.json $(DESTDIR)$(SYSCONFDIR)/tollgate/schema.json
	@if [ -e $(DESTDIR)$(SYSCONFDIR)/tollgate/tollgate.yaml ]; then \
	  echo "kept: $(DESTDIR)$(SYSCONFDIR)/tollgate/tollgate.yaml"; \
	else install -D -m 644 conf/service.yaml $(DESTDIR)$(SYSCONFDIR)/tollgate/tollgate.yaml; fi
	install -D -m 644 systemd/tollgate.logrotate $(DESTDIR)$(SYSCONFDIR)/logrotate.d/tollgate
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/doc/tollgate
	install -m 644 target/package/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -D -m 644 target/package/tollgate.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tollgate
	install -D -m 644 target/package/tollgate.zsh $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_tollgate
	install -D -m 644 target/package/tollgate.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/tollgate.fish
	install -m 644 README.md CHANGELOG.md LICENSE conf/data/NOTICE.md conf/tollgate.yaml conf/minimal.yaml conf/schema.json $(DESTDIR)$(PREFIX)/share/doc/tollgate/
	install -d $(DESTDIR)$(PREFIX)/share/doc/tollgate/examples
	install -m 644 conf/examples/*.yaml $(DESTDIR)$(PREFIX)/share/doc/tollgate/examples/
	@echo "Next: edit $(SYSCONFDIR)/tollgate/tollgate.yaml, tollgate check it, systemctl enable --now tollgate"

deb: profiled    ## A Debian package in target/debian
	@$(MAKE) generated
	@command -v cargo-deb >/dev/null || cargo install --locked cargo-deb
	cargo deb --no-build
	@ls target/debian/*.deb

deb-test: deb    ## That package in a fresh Debian (debootstrap): installs, checks, starts, serves, stops, goes
	@tests/setup package
	tests/package/run target/debian/*.deb
