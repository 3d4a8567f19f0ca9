//! Which addresses may be connected to.
//!
//! Invariant: an IPv6 address that carries an IPv4 address is judged by both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How near the flows may go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reach {
    /// Public addresses.
    Public,
    /// Public addresses, `127.0.0.1` and `::1`: the server itself is on this machine.
    Loopback,
    /// Public and private addresses: the server itself has a private address.
    Private,
    /// All of them, as configured.
    Anywhere,
}

/// What kind of place an address is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Public,
    /// `127.0.0.1` and `::1`.
    Loopback,
    /// RFC 1918, RFC 4193, RFC 6598.
    Private,
    /// The rest of 127/8, link-local with the clouds' metadata, multicast, unspecified, tunnels.
    Never,
}

/// Whether `address` must not be connected to.
pub(super) fn refused_address(address: IpAddr, reach: Reach) -> bool {
    match place(address) {
        Place::Public => false,
        Place::Loopback => !matches!(reach, Reach::Loopback | Reach::Anywhere),
        Place::Private => !matches!(reach, Reach::Private | Reach::Anywhere),
        Place::Never => true,
    }
}

impl Reach {
    /// How near the flows of the server at `host` may go when nothing else is configured. Only
    /// an address says this, never what a name resolves to: whoever owns the name could change it.
    pub(crate) fn of_server(host: Option<&url::Host<&str>>) -> Self {
        let address = match host {
            Some(url::Host::Ipv4(address)) => IpAddr::V4(*address),
            Some(url::Host::Ipv6(address)) => IpAddr::V6(*address),
            Some(url::Host::Domain("localhost")) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => return Self::Public,
        };
        match place(address) {
            Place::Loopback => Self::Loopback,
            Place::Private => Self::Private,
            Place::Public | Place::Never => Self::Public,
        }
    }
}

fn place(address: IpAddr) -> Place {
    match address {
        IpAddr::V4(address) => place_v4(address),
        IpAddr::V6(address) => place_v6(address),
    }
}

fn place_v4(address: Ipv4Addr) -> Place {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        _ if address == Ipv4Addr::LOCALHOST => Place::Loopback,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Place::Private,
        // "This network", loopback beyond 127.0.0.1, link-local, IETF protocol assignments,
        // documentation, 6to4 relays, benchmarks, multicast and reserved.
        (0 | 127 | 224.., ..)
        | (169, 254, _)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18..=19, _)
        | (198, 51, 100)
        | (203, 0, 113) => Place::Never,
        _ => Place::Public,
    }
}

fn place_v6(address: Ipv6Addr) -> Place {
    if address == Ipv6Addr::LOCALHOST {
        return Place::Loopback;
    }
    match address.segments() {
        // The metadata service of a cloud has an address among the private ones.
        [0xfc00..=0xfdff, ..] if !matches!(address.segments(), [0xfd00, 0x0ec2, ..]) => {
            Place::Private
        }
        // IPv4-mapped and -compatible, NAT64, 6to4, Teredo, discard-only, documentation,
        // link-local, site-local, multicast: nothing of it is global unicast.
        [0x2000..=0x3fff, ..] if !special(address) => Place::Public,
        _ => Place::Never,
    }
}

/// 6to4, documentation, Teredo, documentation: among the global addresses and not public.
fn special(address: Ipv6Addr) -> bool {
    matches!(
        address.segments(),
        [0x2002 | 0x3fff, ..] | [0x2001, 0 | 0x0db8, ..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_its_place() {
        let table = [
            ("8.8.8.8", Place::Public),
            ("100.63.255.255", Place::Public),
            ("100.128.0.0", Place::Public),
            ("172.15.0.1", Place::Public),
            ("172.32.0.1", Place::Public),
            ("2606:4700::1", Place::Public),
            ("127.0.0.1", Place::Loopback),
            ("::1", Place::Loopback),
            ("10.0.0.1", Place::Private),
            ("172.16.0.1", Place::Private),
            ("172.31.255.255", Place::Private),
            ("192.168.1.1", Place::Private),
            ("100.64.0.1", Place::Private),
            ("100.127.255.255", Place::Private),
            ("fc00::1", Place::Private),
            ("fdff::1", Place::Private),
            ("0.0.0.0", Place::Never),
            ("0.1.2.3", Place::Never),
            ("127.0.0.2", Place::Never),
            ("127.255.255.255", Place::Never),
            ("169.254.169.254", Place::Never),
            ("169.254.170.2", Place::Never),
            ("198.18.0.1", Place::Never),
            ("198.19.255.255", Place::Never),
            ("224.0.0.1", Place::Never),
            ("240.0.0.1", Place::Never),
            ("255.255.255.255", Place::Never),
            ("::", Place::Never),
            ("fd00:ec2::254", Place::Never),
            ("fe80::1", Place::Never),
            ("fec0::1", Place::Never),
            ("ff02::1", Place::Never),
            ("::ffff:127.0.0.1", Place::Never),
            ("::ffff:8.8.8.8", Place::Never),
            ("::127.0.0.1", Place::Never),
            ("64:ff9b::a9fe:a9fe", Place::Never),
            ("64:ff9b:1::1", Place::Never),
            ("2002:7f00:1::", Place::Never),
            ("2001::1", Place::Never),
        ];
        for (address, expected) in table {
            assert_eq!(place(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn reach_widens_step_by_step() {
        let allowed = |address: &str, reach| !refused_address(address.parse().unwrap(), reach);
        for reach in [
            Reach::Public,
            Reach::Loopback,
            Reach::Private,
            Reach::Anywhere,
        ] {
            assert!(allowed("8.8.8.8", reach));
            assert!(!allowed("169.254.169.254", reach), "{reach:?}");
            assert_eq!(
                allowed("127.0.0.1", reach),
                matches!(reach, Reach::Loopback | Reach::Anywhere)
            );
            assert_eq!(
                allowed("10.0.0.1", reach),
                matches!(reach, Reach::Private | Reach::Anywhere)
            );
        }
    }

    #[test]
    fn a_server_says_by_its_address_how_near_its_flows_go() {
        let table = [
            ("https://mcp.example.com/", Reach::Public),
            ("http://localhost:1/", Reach::Loopback),
            ("http://127.0.0.1:1/", Reach::Loopback),
            ("http://[::1]:1/", Reach::Loopback),
            ("http://127.0.0.2:1/", Reach::Public),
            ("https://10.1.2.3/", Reach::Private),
            ("https://localhost.example.com/", Reach::Public),
        ];
        for (server, expected) in table {
            let server = url::Url::parse(server).unwrap();
            assert_eq!(
                Reach::of_server(server.host().as_ref()),
                expected,
                "{server}"
            );
        }
    }
}
