# Everything CI runs, under the name it runs it by. `cargo xtask` does the work; this is only shorter to type.

# What CI checks.
check: fmt-check lint doc layers test demo

# All tests; the ones against a real control plane too.
test:
    cargo xtask test

# The simulator and the client with programs that others wrote: the triton CLI, triton-go, sshpk.
foreign *args:
    cargo xtask test --foreign {{args}}

# The walkthrough, step by step.
demo *args:
    cargo xtask demo {{args}}

# Everything up, and left running.
up *args:
    cargo xtask up {{args}}

# Everything down again.
down *args:
    cargo xtask down {{args}}

# What the node costs: time, requests, writes, memory.
bench *args:
    cargo xtask bench {{args}}

# Every history of a small world with two troubles of all kinds, or three: minutes, and gigabytes for three.
model more="1":
    VK_TRITON_MODEL_MORE={{more}} cargo test --release -p triton-provider --lib model -- --nocapture

# The node in virtual time under faults drawn from seeds; a run that fails replays by `--replay SEED`.
simulate seeds="0..10000" *args:
    cargo run --profile seeds -p simulation -- --seeds {{seeds}} {{args}}

# Each guard taken out of a copy of the code, one at a time: a test must notice. --only NAME for some of them.
guards *args:
    cargo xtask guards {{args}}

# Every comparison, operator and returned value of the decisions changed, one at a time: single steps must notice.
# Needs `cargo install cargo-mutants`.
mutants *args:
    cargo mutants -p triton-provider -f 'crates/triton-provider/src/decide/{life,answer,restart,twins,state}.rs' {{args}} -- --lib -- decide::life decide::restart decide::state

# Everything going wrong for an hour, or --minutes N, with --seed N.
chaos *args:
    cargo xtask chaos {{args}}

# Sends a target what libFuzzer invents: machine, list, error, changefeed, authorization, key, firewall, affinity.
# Needs `cargo install cargo-fuzz` and a nightly toolchain. Ordinary tests check the same laws on the same seeds.
fuzz target seconds="180":
    mkdir -p fuzz/corpus/{{target}}
    cargo +nightly fuzz run --fuzz-dir fuzz {{target}} fuzz/corpus/{{target}} $(fuzz/seeds {{target}}) -- -max_total_time={{seconds}} -max_len=16384

# Does this machine have what is needed?
doctor:
    cargo xtask check

fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy -p testbed -p virtual-node -p simulation -p xtask --features testbed/cluster,virtual-node/cluster,simulation/cluster,xtask/cluster --tests -- -D warnings
    cargo clippy -p triton-sim-server -p virtual-node --features triton-sim-server/foreign,virtual-node/foreign --tests -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The oldest Rust that the libraries promise (rust-version in Cargo.toml), which rustup brings.
msrv:
    rustup toolchain install 1.89 --profile minimal --no-self-update
    CARGO_TARGET_DIR=target/msrv cargo +1.89 check -p triton-signature -p triton-cloudapi --all-features

# House rules: which crate may know which, and what a file looks like.
layers:
    cargo test -p xtask --test layers --test tidy --bin xtask
