package import CSIWire

/// Finds the method that a person means.
package enum MethodName {
    /// Understands `CreateVolume`, `Controller/CreateVolume`, `csi.v1.Controller/CreateVolume` and the same with dots
    /// or a leading slash; letter case does not matter. Where several services have the name, the first in the catalog
    /// counts.
    ///
    /// - Throws: a text that names what comes near.
    package static func resolve(_ name: String, in catalog: DescriptorCatalog) throws(UsageError) -> MethodSchema {
        let wanted = "." + name.lowercased().replacing("/", with: ".").drop { $0 == "." }
        let methods = catalog.services.flatMap(\.methods)
        if let method = methods.first(where: { dotted($0).hasSuffix(wanted) }) { return method }
        let word = wanted.split(separator: ".").last ?? ""
        let near = methods.filter { $0.name.lowercased().contains(word) }.map { "\($0.service)/\($0.name)" }
        throw UsageError(
            "there is no method \(name)"
                + (near.isEmpty ? "; see moorage call --list" : "; did you mean \(near.joined(separator: ", "))?"))
    }

    private static func dotted(_ method: MethodSchema) -> String {
        ".\(method.service).\(method.name)".lowercased()
    }
}

/// The command line does not say something that can be done; the text says what would be right.
package struct UsageError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
