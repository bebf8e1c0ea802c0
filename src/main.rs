//! The program: hands the command line to the library, and leaves by one exit.

use std::process::ExitCode;

/// Measured: about a tenth less CPU per request than with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(tollgate::cli::main())
}
