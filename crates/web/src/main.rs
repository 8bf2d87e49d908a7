//! The dashboard's entry: everything lives in the library.

fn main() {
    nexus_web::start();
}
