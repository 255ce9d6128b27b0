namespace NexusBackupAgent.Benchmarks.Data;

/// <summary>Text as a service desk writes it, Japanese and English; the same seed gives the same text.</summary>
internal sealed class ItsmText(Random random)
{
    private static readonly string[] English =
    [
        "the", "server", "user", "reported", "that", "login", "fails", "after", "password", "change", "network", "printer", "on", "floor", "is",
        "not", "responding", "since", "morning", "restarted", "service", "and", "confirmed", "with", "department", "error", "code", "timeout",
        "database", "connection", "refused", "certificate", "expired", "renewed", "firewall", "rule", "updated", "patch", "applied", "kernel",
        "memory", "usage", "disk", "full", "cleaned", "logs", "escalated", "to", "vendor", "waiting", "for", "reply", "resolved", "by",
        "replacing", "cable", "switch", "port", "VLAN", "VPN", "client", "version", "upgrade", "rollback", "approved", "change", "window",
        "backup", "restore", "verified", "monitoring", "alert", "threshold", "raised", "incident", "problem", "root", "cause", "analysis",
        "workaround", "documented", "knowledge", "article", "customer", "impact", "none", "high", "priority", "assigned", "team", "shift",
    ];

    private static readonly string[] Japanese =
    [
        "サーバー", "の", "再起動", "を", "実施", "しました", "ログイン", "が", "できない", "と", "報告", "あり", "ネットワーク", "障害", "対応中", "原因", "調査",
        "パスワード", "変更", "後", "に", "発生", "プリンター", "三階", "会議室", "接続", "不可", "証明書", "期限切れ", "更新", "完了", "確認", "済み", "担当者",
        "ベンダー", "問い合わせ", "回答待ち", "バックアップ", "取得", "失敗", "容量", "不足", "ディスク", "清掃", "監視", "アラート", "閾値", "超過", "インシデント",
        "問題管理", "根本原因", "暫定対応", "恒久対応", "ナレッジ", "登録", "利用者", "影響", "なし", "優先度", "高", "承認", "申請", "部署", "総務部", "情報システム課",
    ];

    public Random Random { get; } = random;

    /// <summary>About <paramref name="words"/> words, in one of the two languages, with the numbers that tickets are full of.</summary>
    public string Sentence(int words)
    {
        var isJapanese = Random.Next(2) == 0;
        var vocabulary = isJapanese ? Japanese : English;
        return string.Join(isJapanese ? "" : " ", Enumerable.Range(0, words).Select(_ => Random.Next(12) == 0 ? Random.Next(100_000).ToString() : Pick(vocabulary)));
    }

    public string Pick(string[] words) => words[Random.Next(words.Length)];

    /// <summary>An instant of 2024 to 2026, as the applications store it.</summary>
    public string Instant() => DateTime.UnixEpoch.AddSeconds(1_704_067_200L + Random.Next(86_400 * 800)).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");

    /// <summary>Bytes that do not compress: tokens, hashes, pictures.</summary>
    public byte[] Noise(int length)
    {
        var bytes = new byte[length];
        Random.NextBytes(bytes);
        return bytes;
    }
}
