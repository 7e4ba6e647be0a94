/// ServerReflectionRequest of grpc.reflection.v1, which has the same bytes in v1alpha.
package struct ReflectionRequest: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case file(name: String)
        case fileDeclaring(symbol: String)
        case fileDeclaringExtension(of: String, number: Int32)
        case extensionNumbers(of: String)
        /// The text has no meaning; it is there to be given back.
        case services(String)
        /// No question, or one that this version does not know.
        case unknown
    }

    package var host: String
    package var kind: Kind

    package init(host: String = "", kind: Kind) {
        self.host = host
        self.kind = kind
    }
}

/// ServerReflectionResponse. It repeats the request and its host.
package struct ReflectionResponse: Hashable, Sendable {
    package enum Answer: Hashable, Sendable {
        /// Serialized FileDescriptorProto messages: the file that was asked for, then what it imports.
        case files([[UInt8]])
        case extensionNumbers(of: String, [Int32])
        /// Full names.
        case services([String])
        /// A gRPC status code and its message.
        case error(code: Int32, message: String)
    }

    package var request: ReflectionRequest
    package var answer: Answer

    package init(to request: ReflectionRequest, _ answer: Answer) {
        self.request = request
        self.answer = answer
    }
}

extension ReflectionRequest: DecodableRequest {
    static let layout = MessageLayout(of: "grpc.reflection.v1.ServerReflectionRequest")

    init(_ message: DecodedMessage) {
        host = message.string("host")
        if message.isChosen("file_by_filename") {
            kind = .file(name: message.string("file_by_filename"))
        } else if message.isChosen("file_containing_symbol") {
            kind = .fileDeclaring(symbol: message.string("file_containing_symbol"))
        } else if let which = message.message("file_containing_extension") {
            kind = .fileDeclaringExtension(of: which.string("containing_type"), number: which.int32("extension_number"))
        } else if message.isChosen("all_extension_numbers_of_type") {
            kind = .extensionNumbers(of: message.string("all_extension_numbers_of_type"))
        } else if message.isChosen("list_services") {
            kind = .services(message.string("list_services"))
        } else {
            kind = .unknown
        }
    }

    fileprivate func fill(_ message: MessageBuilder) {
        message.set("host", host)
        switch kind {
        case .file(let name): message.set("file_by_filename", name)
        case .fileDeclaring(let symbol): message.set("file_containing_symbol", symbol)
        case .fileDeclaringExtension(let type, let number):
            let which = message.message("file_containing_extension")
            which.set("containing_type", type)
            which.set("extension_number", number)
        case .extensionNumbers(let type): message.set("all_extension_numbers_of_type", type)
        case .services(let text): message.set("list_services", text)
        case .unknown: break
        }
    }
}

extension ReflectionResponse: EncodableResponse {
    static let layout = MessageLayout(of: "grpc.reflection.v1.ServerReflectionResponse")

    func fill(_ message: MessageBuilder) {
        message.set("valid_host", request.host)
        request.fill(message.message("original_request"))
        switch answer {
        case .files(let files):
            message.message("file_descriptor_response").set("file_descriptor_proto", files)
        case .extensionNumbers(let type, let numbers):
            let response = message.message("all_extension_numbers_response")
            response.set("base_type_name", type)
            response.set("extension_number", numbers)
        case .services(let names):
            let entries = message.message("list_services_response").messages("service", count: names.count)
            for (entry, name) in zip(entries, names) { entry.set("name", name) }
        case .error(let code, let text):
            let response = message.message("error_response")
            response.set("error_code", code)
            response.set("error_message", text)
        }
    }
}
