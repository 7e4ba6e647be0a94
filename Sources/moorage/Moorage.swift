@main
struct Moorage {
    static func main() {}
}
