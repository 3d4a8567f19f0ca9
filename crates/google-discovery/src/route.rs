//! head
use crate::method::{HttpMethod, Method};
pub(crate) fn route(
    _h: HttpMethod,
    _host: &str,
    _path: &str,
) -> Option<(&'static Method, Vec<(String, String)>)> {
    None
}
impl Method {
    /// The path parameters, decoded, if a request with this verb and path is this method.
    ///
    /// The path is below the host, as in a request line and without query: it includes the API's
    /// service path. Upload paths count.
    pub fn matches(&self, _http_method: HttpMethod, _path: &str) -> Option<Vec<(String, String)>> {
        None
    }
}
