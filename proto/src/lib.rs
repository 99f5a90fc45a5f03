//! The messages between the parts: the gRPC contract of `satscope/v1/*.proto`, and the code made from it.
//!
//! The `.proto` files are the documentation: they give each field's unit and meaning.

mod convert;

/// Version 1 of the contract, as generated.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic)]
pub mod v1 {
    tonic::include_proto!("satscope.v1");
}

/// The encoded `FileDescriptorSet` of all files, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
