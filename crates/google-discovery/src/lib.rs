#![doc = include_str!("../README.md")]

mod api;
mod catalogue;
mod effect;
mod invalid;
mod method;
mod packed;
mod parameter;
mod route;
mod schema;
mod scope;
mod search;
mod suggest;
mod validate;

pub use api::{Api, ApiSummary};
pub use catalogue::{Catalogue, UnknownMethod, catalogue};
pub use effect::Access;
pub use invalid::{Invalid, Problem};
pub use method::{HttpMethod, Location, Method, Parameter, Upload};
pub use parameter::GLOBAL_PARAMETERS;
pub use schema::{Field, Format, Schema, Type};
pub use search::Found;
