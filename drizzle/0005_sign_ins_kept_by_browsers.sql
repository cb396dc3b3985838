ALTER TABLE "sign_in_attempt" DROP COLUMN "issuer";--> statement-breakpoint
ALTER TABLE "sign_in_attempt" DROP COLUMN "browser";--> statement-breakpoint
ALTER TABLE "sign_in_attempt" DROP COLUMN "nonce";--> statement-breakpoint
ALTER TABLE "sign_in_attempt" DROP COLUMN "verifier";--> statement-breakpoint
ALTER TABLE "sign_in_attempt" DROP COLUMN "max_age";--> statement-breakpoint
ALTER TABLE "sign_in_attempt" DROP COLUMN "return_to";