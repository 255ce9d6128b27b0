namespace NexusBackupAgent.Cli.Demo;

/// <summary>Words of a service desk, in Japanese and English, chosen by a seeded generator: the same rows on every machine.</summary>
internal sealed class SampleText(int seed)
{
    private static readonly string[] FamilyNames = ["佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "Smith", "Miller", "Garcia", "Nguyen", "Kowalski", "O'Brien"];
    private static readonly string[] GivenNames = ["翔太", "陽菜", "大輔", "美咲", "健一", "さくら", "Anna", "James", "Maria", "Liam", "Priya", "Chen", "Olga", "Tomás"];

    private static readonly string[] Things =
    [
        "メールサーバー", "VPN接続", "社内ポータル", "プリンター", "勤怠システム", "ファイルサーバー", "会議室の無線LAN", "バックアップジョブ",
        "mail server", "VPN gateway", "payroll application", "file share", "single sign-on", "badge printer", "database cluster", "load balancer",
    ];

    private static readonly string[] Symptoms =
    [
        "に接続できません", "の応答が遅い", "でエラーが表示される", "の証明書が期限切れです", "へのアクセス権がありません", "が再起動を繰り返します",
        " is unreachable", " responds slowly", " shows an error", " has an expired certificate", " refuses access", " restarts again and again",
    ];

    private static readonly string[] Sentences =
    [
        "利用者から電話で連絡があり、再現手順を確認しました。", "ログを採取し、二次対応チームへ引き継ぎました。", "再起動後に事象は解消しましたが、原因は調査中です。",
        "影響範囲は東京本社の三階と四階です。", "暫定対応として予備機に切り替えました。", "変更諮問委員会の承認待ちです。",
        "The user can reproduce it on a second machine.", "Restarted the service; monitoring for thirty minutes.", "Vendor ticket opened, waiting for a patch.",
        "Rolled back the change from last night.", "Root cause: the disk was full after log rotation stopped.", "Closed after confirmation by the requester.",
    ];

    private readonly Random random = new(seed);

    public int Number(int below) => random.Next(below);

    public string Person() => $"{Pick(FamilyNames)} {Pick(GivenNames)}";

    public string Title() => Pick(Things) + Pick(Symptoms);

    public string Thing() => Pick(Things);

    public string Paragraph(int sentences) => string.Join(' ', Enumerable.Range(0, sentences).Select(_ => Pick(Sentences)));

    /// <summary>What real databases hold most of and what compresses least: identities, addresses, hashes.</summary>
    public string Token() => $"{random.NextInt64():x16}{random.NextInt64():x16}";

    public string Address() => $"10.{random.Next(256)}.{random.Next(256)}.{random.Next(1, 255)}";

    public string Pick(params ReadOnlySpan<string> words) => words[random.Next(words.Length)];
}
