# Lists the recipes
default:
    @just --list

# Shows the whole way of a request
demo *args:
    cargo run --release -- demo {{args}}

# Builds the program that is shipped: with a wasmtime that makes Python apps faster
ship:
    patches/cargo build --profile shipped

# Makes the packages of a release in target/packages, and installs and runs each
packages:
    packaging/release
    cargo test --workspace --test all -- packaging::packages --include-ignored

# Builds the component that the demo serves, which is part of the program
demo-app:
    cargo run --release -- build --allow-native-build examples-guest/hello -o host/src/commands/demo/hello.wasm

# Runs all tests
test *args:
    cargo test --workspace {{args}}

# Lets 20 large storms go over an app that watches: an hour on a busy machine
storm:
    cargo test --workspace --test all -- watching::storm --include-ignored --nocapture

# Kills the host over 200 times while it answers 1,000 requests (KILL_SEED=2: other moments)
kill:
    cargo test --workspace --test all -- crashes::each_of_1000 --include-ignored --nocapture

# A thousand conversations of three turns between two hosts, behind a sync that loses and doubles
conversations:
    cargo test --workspace --locked --test all -- conversations:: --include-ignored

# Kills the host over 200 times while 1,000 requests send 2,000 messages, and again through the tree
kill-messages:
    cargo test --workspace --test all -- messages::kills --include-ignored --nocapture

# Kills workers, the NATS server and the host 200 times while 1,000 requests count
kill-workers:
    cargo test --workspace --locked --test all -- workers::kills --include-ignored --nocapture

# Runs tests of local calls once more with all calls on a worker
through-workers:
    bash .ci/through-workers

# Measures what four workers do beside one, and a remote call beside a local one, on an idle machine
bench-workers:
    cargo test --release --workspace --locked --test all -- workers::scaling --include-ignored --nocapture --test-threads 1

# Looks for what calls leave in swap, which it adds to the machine for a while; as root
swap:
    cargo test --workspace --test all -- residue::swap --include-ignored --test-threads 1

# Touches 1,000 requests while they run, and calls 1,000 times: each runs once
once:
    cargo test --workspace --test all -- touched:: --include-ignored --nocapture

# Answers among 1.2 million junk names, in memory
crowds:
    cargo test --workspace --test all -- crowds:: --include-ignored --nocapture

# Serves under mixed load and looks at what the hosts use (SOAK_MINUTES=5: for so long)
soak:
    cargo test --workspace --test all -- soak:: --include-ignored --nocapture

# Shows how tables grow with senders, requests and files: see docs/scale.md
scale:
    cargo bench -p syft-protocol --bench scale

# Serves 1,000 installed apps and shows what they use (MANY_APPS=100: so many)
many:
    cargo test --workspace --test all -- serve::many --include-ignored --nocapture

# Signs with wasmsign2 and OpenSSH what we verify, pushes with wkg what we pull, and the other way round
interop:
    cargo test --workspace --test all -- signing::interop oci::interop --include-ignored --nocapture

# Measures what the dashboard costs at 500 requests a second, on an idle machine
dashboard-load:
    cargo test --release --workspace --test all -- dashboard::load --include-ignored --nocapture

# Fuzzes a target of `fuzz/`, led by coverage; needs cargo-fuzz, and a C++ compiler. Only two
# targets need the host and its runtime.
fuzz target seconds="60":
    cargo test -q --workspace --lib -- writes_seeds --ignored
    mkdir -p target/fuzz/{{target}}/found
    cargo fuzz run -s none {{ if target =~ "^(place|requirements)$" { "" } else { "--no-default-features" } }} {{target}} target/fuzz/{{target}}/found target/fuzz/{{target}}/seeds \
        -- -max_total_time={{seconds}} -max_len=4096 -timeout=10

# Formats everything
fmt:
    cargo fmt
    cargo fmt --manifest-path examples-guest/Cargo.toml
    cargo fmt --manifest-path tests/guests/Cargo.toml

# Checks format, lints, docs and licences
check:
    bash .ci/check

# Rewrites the expected files of the case tests; review the diff
bless:
    BLESS=1 cargo test -p syft-protocol
    BLESS=1 cargo test --workspace --test all -- bindings:: manifest:: packaging::the_unit building:: signing:: publishing:: installing:: oci::
    TRYBUILD=overwrite cargo test --workspace --test ui

# Types the commands of the tutorials, and writes into them what is seen; review the diff
terminals:
    BLESS=1 cargo test --workspace --test all -- terminals::

# Builds the book of docs/ into target/book
book:
    .ci/book

# Measures everything beside SyftEvent and a native loop, into `benches/results/`; or `--quick`, `--case live`
bench *args:
    cargo bench -p syft-host --bench suite -- --results {{justfile_directory()}}/benches/results {{args}}
